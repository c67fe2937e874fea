/**
 * 7z archives: the names, also where the list of files is packed itself, and whether anything is
 * encrypted.
 */
import { unpackLzma } from './lzma.ts';

export interface SevenZipListing {
  readonly names: readonly string[];
  readonly isEncrypted: boolean;
  /** False when the header is damaged, or packed in a way that is not read here. */
  readonly isWhole: boolean;
}

const START_BYTES = 32;
const PLAIN_HEADER = 1;
const PACKED_HEADER = 0x17;
const NAMES = 0x11;
const PACKED_SIZES = 0x09;
const CHECKSUMS = 0x0a;
const UNPACKED_SIZES = 0x0c;
/** The coder "7zAES". */
const AES = Buffer.from([0x06, 0xf1, 0x07, 0x01]);
/** What stands from the end of the sizes to the properties where one LZMA packs all of it. */
const ONE_LZMA = Buffer.from([0, 0x07, 0x0b, 1, 0, 1, 0x23, 0x03, 0x01, 0x01, 5]);
/** A list of some 100,000 files. */
const MAX_HEADER = 16 * 1024 * 1024;
/** What is read of things that look like lists of names. */
const MAX_NAMES = 2 * MAX_HEADER;

export function listSevenZip(bytes: Buffer): SevenZipListing {
  if (bytes.length < START_BYTES) return { names: [], isEncrypted: false, isWhole: false };
  const start = START_BYTES + Number(bytes.readBigUInt64LE(12));
  const written = bytes.subarray(start, start + Number(bytes.readBigUInt64LE(20)));
  // With a password on the list itself nothing more is to be seen.
  if (written[0] !== PLAIN_HEADER && written.includes(AES)) {
    return { names: [], isEncrypted: true, isWhole: true };
  }
  const header = written[0] === PACKED_HEADER ? unpackedHeader(bytes, written) : written;
  if (header?.[0] !== PLAIN_HEADER) return { names: [], isEncrypted: false, isWhole: false };
  const { names, isWhole } = namesIn(header);
  return { names, isEncrypted: header.includes(AES), isWhole: isWhole && names.length > 0 };
}

/** As 7-Zip writes it: packed with one LZMA. */
function unpackedHeader(bytes: Buffer, written: Buffer): Buffer | undefined {
  const place = numberAt(written, 2);
  const streams = numberAt(written, place.next);
  if (streams.value !== 1 || written[streams.next] !== PACKED_SIZES) return undefined;
  const packed = numberAt(written, streams.next + 1);
  const coderAt =
    written[packed.next] === CHECKSUMS && written[packed.next + 1] === 1
      ? packed.next + 6
      : packed.next;
  const propertiesAt = coderAt + ONE_LZMA.length;
  if (!written.subarray(coderAt, propertiesAt).equals(ONE_LZMA)) return undefined;
  if (written[propertiesAt + 5] !== UNPACKED_SIZES) return undefined;
  const { value: size } = numberAt(written, propertiesAt + 6);
  if (size > MAX_HEADER) return undefined;
  const dataAt = START_BYTES + place.value;
  const data = bytes.subarray(dataAt, dataAt + packed.value);
  return unpackLzma(data, written.subarray(propertiesAt, propertiesAt + 5), size);
}

/**
 * All that looks like the property of names: its size, a zero, and names in UTF-16 that end with a zero
 * each. What stands before it does not have to be understood so, and cannot hide it.
 */
function namesIn(header: Buffer): { readonly names: string[]; readonly isWhole: boolean } {
  const names: string[] = [];
  let read = 0;
  for (let at = header.indexOf(NAMES); at >= 0; at = header.indexOf(NAMES, at + 1)) {
    const { value, next } = numberAt(header, at + 1);
    const block = header.subarray(next + 1, next + value);
    const isBlock = header[next] === 0 && block.length >= 4 && block.length === value - 1;
    if (!isBlock || block.length % 2 !== 0 || block.readUInt16LE(block.length - 2) !== 0) continue;
    read += block.length;
    if (read > MAX_NAMES) return { names, isWhole: false };
    for (const name of block.toString('utf16le').split('\0')) if (name !== '') names.push(name);
  }
  return { names, isWhole: true };
}

/** The first bits of the first octet tell how many more follow. */
function numberAt(bytes: Buffer, at: number): { readonly value: number; readonly next: number } {
  const first = bytes[at] ?? 0;
  let value = 0;
  let mask = 0x80;
  for (let more = 0; more < 4; more++) {
    if ((first & mask) === 0) {
      return { value: value + (first & (mask - 1)) * 2 ** (8 * more), next: at + more + 1 };
    }
    value += (bytes[at + more + 1] ?? 0) * 2 ** (8 * more);
    mask >>= 1;
  }
  return { value: Number.MAX_SAFE_INTEGER, next: at + 1 };
}
