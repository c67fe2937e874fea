/**
 * Compound files (MS-CFB), as Word, Excel, PowerPoint and Outlook write them: the entries of the
 * directory and their streams. Nothing that the bytes say is trusted: each chain of sectors ends after
 * as many steps as the file has sectors, and what points outside ends there.
 */
export interface OleEntry {
  /** Upper case: names are compared so. */
  readonly name: string;
  readonly isStorage: boolean;
  readonly start: number;
  readonly size: number;
}

export interface OleFile {
  /** All of them, also those that no tree leads to. */
  readonly entries: readonly OleEntry[];
  /** False when a chain is broken or there are more entries than are read. */
  readonly isWhole: boolean;
  /** The stream, up to `limit` octets; shorter where its chain is broken. */
  read(entry: OleEntry, limit: number): Buffer;
}

const HEADER_BYTES = 512;
const HEADER_DIFAT = 109;
/** Above are the marks of the FAT: end of chain, free, and so on. */
const MAX_SECTOR = 0xffff_fffa;
const END_OF_CHAIN = 0xffff_fffe;
const ENTRY_BYTES = 128;
const MAX_ENTRIES = 100_000;
const ROOT = 5;
const STORAGE = 1;
const STREAM = 2;

export function openOle(bytes: Buffer): OleFile | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const shift = bytes.readUInt16LE(30);
  if (shift !== 9 && shift !== 12) return undefined;
  const sectors = new Sectors(bytes, 1 << shift);
  const directory = sectors.chain(bytes.readUInt32LE(48), Number.POSITIVE_INFINITY);
  const { entries, root } = entriesOf(directory.bytes);
  const cutoff = bytes.readUInt32LE(56);
  const miniFat = sectors.chain(bytes.readUInt32LE(60), Number.POSITIVE_INFINITY).bytes;
  const miniStream = root === undefined ? Buffer.alloc(0) : sectors.chain(root.start, root.size);
  const mini = Buffer.isBuffer(miniStream) ? miniStream : miniStream.bytes;
  return {
    entries,
    isWhole: directory.isWhole && sectors.isWhole && root !== undefined,
    read(entry, limit) {
      const size = Math.min(entry.size, limit);
      return entry.size < cutoff
        ? miniChain(mini, miniFat, entry.start, size)
        : sectors.chain(entry.start, size).bytes;
    },
  };
}

class Sectors {
  readonly #bytes: Buffer;
  readonly #size: number;
  readonly #count: number;
  /** Sectors that the FAT lies in. */
  readonly #fat: readonly number[];
  isWhole = true;

  constructor(bytes: Buffer, size: number) {
    this.#bytes = bytes;
    this.#size = size;
    // The header takes the room of one sector; the last one may be cut short.
    this.#count = Math.max(0, Math.ceil(bytes.length / size) - 1);
    this.#fat = this.#fatSectors();
  }

  #fatSectors(): number[] {
    const found: number[] = [];
    const most = Math.ceil((this.#count * 4) / this.#size);
    for (let slot = 0; slot < HEADER_DIFAT && found.length < most; slot++) {
      found.push(this.#bytes.readUInt32LE(76 + slot * 4));
    }
    let sector = this.#bytes.readUInt32LE(68);
    for (let step = 0; step < most && sector < MAX_SECTOR && found.length < most; step++) {
      const at = this.#offset(sector);
      if (at === undefined) break;
      for (let slot = 0; slot < this.#size / 4 - 1 && found.length < most; slot++) {
        found.push(this.#word(at + slot * 4));
      }
      sector = this.#word(at + this.#size - 4);
    }
    return found;
  }

  #word(at: number): number {
    return at + 4 <= this.#bytes.length ? this.#bytes.readUInt32LE(at) : END_OF_CHAIN;
  }

  #offset(sector: number): number | undefined {
    return sector < this.#count ? (sector + 1) * this.#size : undefined;
  }

  #next(sector: number): number {
    const perSector = this.#size / 4;
    const holder = this.#fat[Math.floor(sector / perSector)];
    const at = holder === undefined ? undefined : this.#offset(holder);
    return at === undefined ? MAX_SECTOR : this.#word(at + (sector % perSector) * 4);
  }

  chain(start: number, size: number): { readonly bytes: Buffer; readonly isWhole: boolean } {
    const pieces: Buffer[] = [];
    let length = 0;
    let sector = start;
    for (let step = 0; step < this.#count && length < size; step++) {
      const at = this.#offset(sector);
      if (at === undefined) break;
      const piece = this.#bytes.subarray(at, at + this.#size);
      pieces.push(piece);
      length += piece.length;
      sector = this.#next(sector);
    }
    const isWhole = sector === END_OF_CHAIN || length >= size;
    const bytes = Buffer.concat(pieces);
    return { bytes: bytes.length > size ? bytes.subarray(0, size) : bytes, isWhole };
  }
}

function miniChain(stream: Buffer, fat: Buffer, start: number, size: number): Buffer {
  const pieces: Buffer[] = [];
  let sector = start;
  for (let length = 0; length < size; length += 64) {
    if (sector * 64 >= stream.length || sector * 4 + 4 > fat.length) break;
    pieces.push(stream.subarray(sector * 64, sector * 64 + 64));
    sector = fat.readUInt32LE(sector * 4);
  }
  return Buffer.concat(pieces).subarray(0, size);
}

function entriesOf(directory: Buffer): {
  readonly entries: OleEntry[];
  readonly root: OleEntry | undefined;
} {
  const entries: OleEntry[] = [];
  let root: OleEntry | undefined;
  const end = Math.min(directory.length, MAX_ENTRIES * ENTRY_BYTES);
  for (let at = 0; at + ENTRY_BYTES <= end; at += ENTRY_BYTES) {
    const type = directory[at + 66];
    if (type !== ROOT && type !== STORAGE && type !== STREAM) continue;
    const nameBytes = Math.max(0, Math.min(64, directory.readUInt16LE(at + 64)) - 2);
    const name = directory.toString('utf16le', at, at + nameBytes - (nameBytes % 2)).toUpperCase();
    const entry = {
      ...{ name, isStorage: type !== STREAM },
      start: directory.readUInt32LE(at + 116),
      size: directory.readUInt32LE(at + 120),
    };
    if (type === ROOT) root ??= entry;
    entries.push(entry);
  }
  return { entries, root };
}
