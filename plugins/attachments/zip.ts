/**
 * Zip archives (APPNOTE 6.3.10): the members that the central directory names, and those whose own
 * headers are found beside them, for some programs read these alone. Sizes are taken from the directory;
 * what comes out of a member is bounded by whoever asks for it.
 */
import { constants, inflateRawSync } from 'node:zlib';

export interface ZipMember {
  /** Lower case, with `/` between folders and none before the first. */
  readonly name: string;
  /** What other readers call it: by its own header, by the extra field for Unicode (4.6.9). */
  readonly otherNames: readonly string[];
  /** One of its headers says so at least. */
  readonly isEncrypted: boolean;
  /** All of them say that it needs a password. */
  readonly isLocked: boolean;
  /** Whether its way of packing is known here. */
  readonly isReadable: boolean;
  readonly size: number;
  /** As it lies in the archive. */
  readonly packed: Buffer;
  readonly isStored: boolean;
}

export interface ZipListing {
  readonly members: readonly ZipMember[];
  /** False when there are more members than are read, or the directory is damaged. */
  readonly isWhole: boolean;
}

const END = 'PK\x05\x06';
const END_64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 'PK\x03\x04';
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const MAX_COMMENT = 65_535;
const MAX_MEMBERS = 50_000;
/** Headers that no directory has: the mark of one may stand in every fourth octet. */
const MAX_UNLISTED = 5000;
/** Of the last folder and the file in it. */
const MAX_NAME = 1024;
const BEYOND_32_BIT = 0xffff_ffff;
/** Enough for the tables of a deflate block and some octets more. */
const HEAD_PACKED = 512;
/** Deflate makes at most 1032 of one. */
const HEAD_MOST = HEAD_PACKED * 1032;

export function listZip(bytes: Buffer): ZipListing {
  const listed = centralMembers(bytes);
  if (listed !== undefined && listed.isWhole) {
    const beside = unlistedMembers(bytes, listed.members);
    return {
      members: [...listed.members, ...beside],
      isWhole: beside.length < MAX_UNLISTED,
    };
  }
  const seen = localMembers(bytes);
  return { members: [...(listed?.members ?? []), ...seen], isWhole: false };
}

/** Whether anything of an archive is in it, wherever it begins. */
export function hasZip(bytes: Buffer): boolean {
  return bytes.includes(LOCAL, 0, 'latin1') || bytes.includes(END, 0, 'latin1');
}

/** All of a member; undefined when it is longer than `limit` or damaged. */
export function unpack(member: ZipMember, limit: number): Buffer | undefined {
  if (member.isStored) return member.packed.length > limit ? undefined : member.packed;
  if (limit <= 0) return undefined;
  try {
    return inflateRawSync(member.packed, { maxOutputLength: limit });
  } catch {
    return undefined;
  }
}

/** How a member begins; empty when it is damaged. */
export function headOf(member: ZipMember): Buffer {
  const packed = member.packed.subarray(0, member.isStored ? HEAD_MOST : HEAD_PACKED);
  if (member.isStored) return packed;
  try {
    const finishFlush = constants.Z_SYNC_FLUSH;
    return inflateRawSync(packed, { finishFlush, maxOutputLength: HEAD_MOST });
  } catch {
    return Buffer.alloc(0);
  }
}

function centralMembers(bytes: Buffer): ZipListing | undefined {
  const end = bytes.lastIndexOf(END, bytes.length - 22, 'latin1');
  if (end < 0 || end < bytes.length - 22 - MAX_COMMENT) return undefined;
  const { count, size, offset, before } = directoryPlace(bytes, end);
  const start = before - size;
  // Whatever stands before the archive shifts every offset in it.
  const shift = start - offset;
  if (start < 0 || shift < 0) return undefined;
  const members: ZipMember[] = [];
  let at = start;
  // Few programs stop at the number that is told when there are more.
  for (let index = 0; ; index++) {
    if (index >= MAX_MEMBERS) return { members, isWhole: index === count };
    if (at + CENTRAL_BYTES > before || bytes.readUInt32LE(at) !== CENTRAL) {
      return { members, isWhole: index >= count };
    }
    const nameEnd = at + CENTRAL_BYTES + bytes.readUInt16LE(at + 28);
    const extraEnd = nameEnd + bytes.readUInt16LE(at + 30);
    const sizes = realSizes(bytes.subarray(nameEnd, extraEnd), {
      size: bytes.readUInt32LE(at + 24),
      packedSize: bytes.readUInt32LE(at + 20),
      offset: bytes.readUInt32LE(at + 42),
    });
    const local = sizes.offset + shift;
    if (local + LOCAL_BYTES > bytes.length) return { members, isWhole: false };
    const own = packing(bytes.readUInt16LE(local + 6), bytes.readUInt16LE(local + 8));
    const nameStart = local + LOCAL_BYTES;
    const ownNameEnd = nameStart + bytes.readUInt16LE(local + 26);
    const data = ownNameEnd + bytes.readUInt16LE(local + 28);
    const [name = '', ...cut] = namesOf(bytes.subarray(at + CENTRAL_BYTES, nameEnd));
    const packed = packing(bytes.readUInt16LE(at + 8), bytes.readUInt16LE(at + 10));
    const others = [
      ...cut,
      ...namesOf(bytes.subarray(nameStart, ownNameEnd)),
      ...unicodeNames(bytes.subarray(nameEnd, extraEnd)),
      ...unicodeNames(bytes.subarray(ownNameEnd, data)),
    ];
    members.push({
      name,
      otherNames: others.filter((one) => one !== name),
      // Programs believe one header or the other.
      isEncrypted: packed.isEncrypted || own.isEncrypted,
      isLocked: packed.isLocked && own.isLocked,
      isStored: packed.isStored,
      isReadable: packed.isReadable && packed.isStored === own.isStored,
      size: sizes.size,
      packed: bytes.subarray(data, data + sizes.packedSize),
    });
    at = extraEnd + bytes.readUInt16LE(at + 32);
  }
}

/** From the end record, or from that of zip64 where the first has no room. */
function directoryPlace(bytes: Buffer, end: number) {
  const plain = {
    count: bytes.readUInt16LE(end + 10),
    size: bytes.readUInt32LE(end + 12),
    offset: bytes.readUInt32LE(end + 16),
    before: end,
  };
  const locator = end - 20;
  const record = locator - 56;
  const isLarge = plain.count === 0xffff || plain.offset === BEYOND_32_BIT;
  if (!isLarge || record < 0 || bytes.readUInt32LE(record) !== END_64) return plain;
  return {
    count: Number(bytes.readBigUInt64LE(record + 32)),
    size: Number(bytes.readBigUInt64LE(record + 40)),
    offset: Number(bytes.readBigUInt64LE(record + 48)),
    before: record,
  };
}

interface Sizes {
  size: number;
  packedSize: number;
  offset: number;
}

/** The extra field of zip64 has those values that do not fit, in this order (4.5.3). */
function realSizes(extra: Buffer, sizes: Sizes): Sizes {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let value = at + 4;
    for (const key of ['size', 'packedSize', 'offset'] as const) {
      if (sizes[key] !== BEYOND_32_BIT || value + 8 > extra.length) continue;
      sizes[key] = Number(extra.readBigUInt64LE(value));
      value += 8;
    }
    break;
  }
  return sizes;
}

/** What no listed member takes the room of: an archive before this one, a file left out of the list. */
function unlistedMembers(bytes: Buffer, members: readonly ZipMember[]): ZipMember[] {
  const found: ZipMember[] = [];
  const taken = members
    .map(({ packed }) => ({
      start: packed.byteOffset - bytes.byteOffset,
      end: endIn(bytes, packed),
    }))
    .toSorted((a, b) => a.start - b.start);
  let at = 0;
  for (const { start, end } of [...taken, { start: bytes.length, end: bytes.length }]) {
    // Where the gap before a member holds one header, that is its own.
    if (start > at) {
      const [first, ...others] = localMembers(bytes.subarray(at, start)).toReversed();
      if (first !== undefined && !isOwn(bytes, first, start)) found.push(first);
      found.push(...others);
    }
    at = Math.max(at, end);
    if (found.length >= MAX_UNLISTED) break;
  }
  return found.slice(0, MAX_UNLISTED);
}

function endIn(bytes: Buffer, packed: Buffer): number {
  return packed.byteOffset - bytes.byteOffset + packed.length;
}

/** Whether the content of a member begins at `start`. */
function isOwn(bytes: Buffer, { packed }: ZipMember, start: number): boolean {
  return packed.byteOffset - bytes.byteOffset === start;
}

/** What can be had without a directory; Word repairs such files. */
function localMembers(bytes: Buffer): ZipMember[] {
  const members: ZipMember[] = [];
  let at = bytes.indexOf(LOCAL, 0, 'latin1');
  while (at >= 0 && at + LOCAL_BYTES <= bytes.length && members.length < MAX_UNLISTED) {
    const nameEnd = at + LOCAL_BYTES + bytes.readUInt16LE(at + 26);
    const data = nameEnd + bytes.readUInt16LE(at + 28);
    const next = bytes.indexOf(LOCAL, at + 4, 'latin1');
    const told = bytes.readUInt32LE(at + 18);
    // Zero when the size stands behind the content.
    const end = told > 0 ? data + told : next < 0 ? bytes.length : next;
    const [name = '', ...cut] = namesOf(bytes.subarray(at + LOCAL_BYTES, nameEnd));
    members.push({
      name,
      otherNames: [...cut, ...unicodeNames(bytes.subarray(nameEnd, data))],
      ...packing(bytes.readUInt16LE(at + 6), bytes.readUInt16LE(at + 8)),
      size: bytes.readUInt32LE(at + 22),
      packed: bytes.subarray(data, Math.max(data, end)),
    });
    at = next;
  }
  return members;
}

/** Extra field 0x7075: a version, a checksum of the other name, the name in UTF-8. */
function unicodeNames(extra: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === 0x7075) names.push(...namesOf(extra.subarray(at + 9, end)));
  }
  return names;
}

function packing(flags: number, method: number) {
  const isEncrypted = (flags & 1) !== 0;
  return {
    isEncrypted,
    isLocked: isEncrypted,
    isStored: method === 0,
    isReadable: method === 0 || method === 8,
  };
}

/** A zero octet is nothing for some, and ends the name for others. Only the end of a long one counts. */
function namesOf(name: Buffer): string[] {
  const zero = name.indexOf(0);
  const names = [ending(name).replaceAll('\0', '')];
  if (zero >= 0) names.push(ending(name.subarray(0, zero)));
  return [...new Set(names.map((one) => one.replace(/^\/{1,20}/, '')))];
}

function ending(name: Buffer): string {
  const end = name.subarray(Math.max(0, name.length - MAX_NAME));
  return end.toString('utf8').replaceAll('\\', '/').toLowerCase();
}
