/**
 * RAR archives, version 4 and 5: the headers of the files, which are not packed. Contents are had only
 * where they are stored as they are.
 */
export interface RarMember {
  readonly name: string;
  readonly isEncrypted: boolean;
  /** Undefined when packed. */
  readonly bytes: Buffer | undefined;
}

export interface RarListing {
  readonly members: readonly RarMember[];
  /** Without the password not even the names are known. */
  readonly isEncrypted: boolean;
  readonly isWhole: boolean;
}

const MARK_4 = 'Rar!\x1a\x07\0';
const MARK_5 = 'Rar!\x1a\x07\x01\0';
const MAX_MEMBERS = 50_000;

export function listRar(bytes: Buffer): RarListing {
  const members: RarMember[] = [];
  const isFive = bytes.toString('latin1', 0, MARK_5.length) === MARK_5;
  const blocks = isFive ? blocks5(bytes) : blocks4(bytes);
  for (const block of blocks) {
    if (block.kind === 'end') return { members, isEncrypted: false, isWhole: true };
    if (block.kind === 'locked') return { members, isEncrypted: true, isWhole: true };
    if (members.length >= MAX_MEMBERS) break;
    members.push(block.member);
  }
  return { members, isEncrypted: false, isWhole: false };
}

type Block =
  | { readonly kind: 'file'; readonly member: RarMember }
  /** What follows is encrypted. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'end' };

function* blocks4(bytes: Buffer): Generator<Block> {
  for (let at = MARK_4.length; at + 7 <= bytes.length;) {
    const type = bytes[at + 2];
    const flags = bytes.readUInt16LE(at + 3);
    const size = bytes.readUInt16LE(at + 5);
    const header = bytes.subarray(at, at + size);
    if (size < 7 || header.length < size) return;
    if (type === 0x7b) break;
    if (type === 0x73 && (flags & 0x80) !== 0) yield { kind: 'locked' };
    const isFile = type === 0x74;
    const hasData = isFile || type === 0x7a || (flags & 0x8000) !== 0;
    if (hasData && size < 11) return;
    const low = hasData ? header.readUInt32LE(7) : 0;
    const isLarge = isFile && (flags & 0x100) !== 0 && size >= 36;
    const dataBytes = isLarge ? low + header.readUInt32LE(32) * 2 ** 32 : low;
    const isFolder = (flags & 0xe0) === 0xe0;
    if (isFile && !isFolder && size >= 32) {
      const nameAt = isLarge ? 40 : 32;
      const name = header.subarray(nameAt, nameAt + header.readUInt16LE(26));
      const end = name.indexOf(0); // then comes how it differs in Unicode
      yield fileOf(
        name.toString('utf8', 0, end < 0 ? name.length : end),
        (flags & 4) !== 0,
        header[25] === 0x30 ? bytes.subarray(at + size, at + size + dataBytes) : undefined,
      );
    }
    at += size + dataBytes;
  }
  yield { kind: 'end' };
}

function* blocks5(bytes: Buffer): Generator<Block> {
  for (let at = MARK_5.length; at + 7 <= bytes.length;) {
    const outer = new Numbers(bytes, at + 4);
    const size = outer.next();
    const start = outer.at;
    const header = bytes.subarray(start, start + size);
    if (size === 0 || header.length < size) return;
    const fields = new Numbers(header, 0);
    const type = fields.next();
    const flags = fields.next();
    const extraBytes = (flags & 1) !== 0 ? fields.next() : 0;
    const dataBytes = (flags & 2) !== 0 ? fields.next() : 0;
    if (type === 5) break;
    if (type === 4) yield { kind: 'locked' };
    const data = start + size;
    if (type === 2) {
      const fileFlags = fields.next();
      fields.next();
      fields.next();
      fields.at += ((fileFlags & 2) !== 0 ? 4 : 0) + ((fileFlags & 4) !== 0 ? 4 : 0);
      const packing = fields.next();
      fields.next();
      const nameBytes = fields.next();
      const name = header.toString('utf8', fields.at, fields.at + nameBytes);
      const isStored = ((packing >> 7) & 7) === 0;
      const extra = header.subarray(Math.max(0, header.length - extraBytes));
      if ((fileFlags & 1) === 0) {
        const content = isStored ? bytes.subarray(data, data + dataBytes) : undefined;
        yield fileOf(name, hasRecord(extra, 1), content);
      }
    }
    at = data + dataBytes;
  }
  yield { kind: 'end' };
}

function hasRecord(extra: Buffer, type: number): boolean {
  const fields = new Numbers(extra, 0);
  while (fields.at < extra.length) {
    const size = fields.next();
    const start = fields.at;
    if (fields.next() === type) return true;
    fields.at = Math.max(fields.at, start + size);
  }
  return false;
}

/** Seven bits an octet, the lowest first; the highest bit says that more follow. */
class Numbers {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  next(): number {
    let value = 0;
    for (let digit = 0; digit < 7; digit++) {
      const octet = this.#bytes[this.at++] ?? 0;
      value += (octet & 0x7f) * 2 ** (digit * 7);
      if (octet < 0x80) break;
    }
    return value;
  }
}

function fileOf(name: string, isEncrypted: boolean, bytes: Buffer | undefined): Block {
  return { kind: 'file', member: { name, isEncrypted, bytes: isEncrypted ? undefined : bytes } };
}
