/**
 * How a file begins that xz has packed (The .xz File Format 1.2): blocks of LZMA2 are unpacked until
 * enough is there. Undefined where it is damaged before that, or filtered in a way that hides the
 * content; the filters for programs change few octets and are left aside.
 */
import { Unpacker } from './lzma.ts';

/** How a packed file begins. */
export interface Begun {
  readonly bytes: Buffer;
  /** Whether that is all of it. */
  readonly isWhole: boolean;
}

const MAGIC = '\xfd7zXZ\0';
const HEADER_BYTES = 12;
/** Of a block, by the kind of check (2.1.1.2). */
const CHECK_BYTES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];
const LZMA2 = 0x21;
/** A chunk of LZMA2 is no longer, and the last one may stand across the end of what is wanted. */
const CHUNK_MOST = 2 * 1024 * 1024;

export function beginningOfXz(packed: Buffer, wanted: number): Begun | undefined {
  const out = { bytes: Buffer.alloc(wanted + CHUNK_MOST), length: 0, wanted };
  let stream = packed.indexOf(MAGIC, 0, 'latin1');
  let isWhole = false;
  while (stream >= 0) {
    const check = CHECK_BYTES[(packed[stream + 7] ?? 0) & 15] ?? 0;
    let at = stream + HEADER_BYTES;
    // A zero is the index, which stands behind the last block.
    while ((packed[at] ?? 0) !== 0) {
      const content = contentOf(packed, at);
      const end = content === undefined ? undefined : unpackChunks(packed, content, out);
      if (end === undefined) return undefined;
      if (out.length >= wanted) return { bytes: out.bytes.subarray(0, out.length), isWhole: false };
      at = content === undefined ? end : content + Math.ceil((end - content) / 4) * 4 + check;
    }
    isWhole = at < packed.length;
    stream = packed.indexOf(MAGIC, at, 'latin1');
  }
  return isWhole ? { bytes: out.bytes.subarray(0, out.length), isWhole } : undefined;
}

/** Where that of a block begins; undefined unless it is LZMA2 behind filters for programs at most. */
function contentOf(packed: Buffer, block: number): number | undefined {
  const end = block + ((packed[block] ?? 0) + 1) * 4;
  const flags = packed[block + 1] ?? 0;
  let at = block + 2;
  const number = () => {
    let value = 0;
    for (let place = 1; ; place *= 128) {
      const octet = packed[at++] ?? 0;
      value += (octet & 0x7f) * place;
      if (octet < 0x80 || place > 2 ** 40) return value;
    }
  };
  if ((flags & 0x40) !== 0) number();
  if ((flags & 0x80) !== 0) number();
  let filter = 0;
  for (let left = (flags & 3) + 1; left > 0; left--) {
    filter = number();
    const isForPrograms = filter >= 4 && filter <= 11;
    if (left > 1 && !isForPrograms) return undefined;
    const properties = number();
    at += properties;
  }
  return filter === LZMA2 && at <= end && end <= packed.length ? end : undefined;
}

interface Output {
  readonly bytes: Buffer;
  length: number;
  readonly wanted: number;
}

/** Where they end, or where enough is there. */
function unpackChunks(packed: Buffer, start: number, out: Output): number | undefined {
  let at = start;
  let unpacker: Unpacker | undefined;
  let properties = 255;
  let base = out.length;
  while (at < packed.length) {
    const control = packed[at] ?? 0;
    if (control === 0) return at + 1;
    if (out.length >= out.wanted) return at;
    if (at + 6 > packed.length) return undefined;
    if (control === 1 || control >= 0xe0) base = out.length;
    if (control < 0x80) {
      if (control > 2) return undefined;
      const size = packed.readUInt16BE(at + 1) + 1;
      packed.copy(out.bytes, out.length, at + 3, at + 3 + size);
      out.length += size;
      at += 3 + size;
      continue;
    }
    const size = (control & 0x1f) * 2 ** 16 + packed.readUInt16BE(at + 1) + 1;
    const packedSize = packed.readUInt16BE(at + 3) + 1;
    at += 5;
    if (control >= 0xc0) properties = packed[at++] ?? 255;
    if (control >= 0xa0) unpacker = Unpacker.of(properties);
    const piece = packed.subarray(at, at + packedSize);
    if (unpacker?.run(piece, out.bytes, out.length, out.length + size, base) !== true) {
      return undefined;
    }
    out.length += size;
    at += packedSize;
  }
  return undefined;
}
