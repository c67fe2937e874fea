/**
 * 7z archives: the names, where the header is not packed itself, which it mostly is; and whether
 * anything is encrypted as far as that shows.
 */
export interface SevenZipListing {
  readonly names: readonly string[];
  readonly isEncrypted: boolean;
  /** False when the header is packed or damaged. */
  readonly isWhole: boolean;
}

const START_BYTES = 32;
const PLAIN_HEADER = 1;
const NAMES = 0x11;
/** The coder "7zAES". */
const AES = Buffer.from([0x06, 0xf1, 0x07, 0x01]);

export function listSevenZip(bytes: Buffer): SevenZipListing {
  if (bytes.length < START_BYTES) return { names: [], isEncrypted: false, isWhole: false };
  const start = START_BYTES + Number(bytes.readBigUInt64LE(12));
  const header = bytes.subarray(start, start + Number(bytes.readBigUInt64LE(20)));
  const isEncrypted = header.includes(AES);
  if (header[0] !== PLAIN_HEADER) return { names: [], isEncrypted, isWhole: isEncrypted };
  const names = namesOf(header);
  return { names: names ?? [], isEncrypted, isWhole: names !== undefined };
}

/** The property of names: its size, a zero, and names in UTF-16 that end with a zero each. */
function namesOf(header: Buffer): string[] | undefined {
  for (let at = header.indexOf(NAMES); at >= 0; at = header.indexOf(NAMES, at + 1)) {
    const { value, next } = numberAt(header, at + 1);
    const block = header.subarray(next + 1, next + value);
    const isBlock = header[next] === 0 && block.length >= 4 && block.length === value - 1;
    if (!isBlock || block.length % 2 !== 0 || block.readUInt16LE(block.length - 2) !== 0) continue;
    return block.toString('utf16le').split('\0').slice(0, -1);
  }
  return undefined;
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
