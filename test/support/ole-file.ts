/**
 * A compound file (MS-CFB) for tests: the given streams, and storages where there are no bytes, all of
 * them beside each other. Its directory is a list and no tree: who walks the tree finds nothing. Small
 * streams share one, as they do in real files; the directory is the last, so that all of the FAT counts.
 */
const SECTOR = 512;
const MINI_SECTOR = 64;
/** Streams below lie in the one that they share. */
const CUTOFF = 4096;
const ENTRY_BYTES = 128;
const END_OF_CHAIN = 0xffff_fffe;
const FREE = 0xffff_ffff;
const PER_SECTOR = SECTOR / 4;
/** Sectors of the FAT that the header has room for; others are listed in sectors of their own. */
const IN_HEADER = 109;

export function oleFile(members: Readonly<Record<string, Uint8Array | undefined>>): Buffer {
  const file = new Sectors(SECTOR);
  const mini = new Sectors(MINI_SECTOR);
  const entries = Object.entries(members).map(([name, bytes]) => {
    if (bytes === undefined) return entryOf(name, { type: 1, start: 0, size: 0 });
    const start = (bytes.length < CUTOFF ? mini : file).add(bytes);
    return entryOf(name, { type: 2, start, size: bytes.length });
  });
  const shared = mini.content;
  const root = { type: 5, start: file.add(shared), size: shared.length };
  const miniFat = file.add(words(mini.fat, FREE));
  const directory = file.add(Buffer.concat([entryOf('Root Entry', root), ...entries]));
  return file.with({ directory, miniFat });
}

class Sectors {
  readonly #size: number;
  readonly #content: Buffer[] = [];
  readonly fat: number[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  get content(): Buffer {
    return Buffer.concat(this.#content);
  }

  /** Where it begins. */
  add(bytes: Uint8Array): number {
    const start = this.fat.length;
    const count = Math.ceil(bytes.length / this.#size);
    if (count === 0) return END_OF_CHAIN;
    for (let at = 1; at < count; at++) this.fat.push(start + at);
    this.fat.push(END_OF_CHAIN);
    this.#content.push(Buffer.concat([bytes, Buffer.alloc(count * this.#size - bytes.length)]));
    return start;
  }

  /** With its header, its FAT and the list of that behind all else. */
  with(starts: { readonly directory: number; readonly miniFat: number }): Buffer {
    const used = this.fat.length;
    const isEnough = (fat: number, lists: number) => fat * PER_SECTOR >= used + fat + lists;
    const listsFor = (fat: number) => Math.max(0, Math.ceil((fat - IN_HEADER) / (PER_SECTOR - 1)));
    let fatSectors = 1;
    while (!isEnough(fatSectors, listsFor(fatSectors))) fatSectors++;
    const places = Array.from({ length: fatSectors }, (_, at) => used + at);
    const lists = Array.from({ length: listsFor(fatSectors) }, (_, at) => {
      const from = IN_HEADER + at * (PER_SECTOR - 1);
      const next = at + 1 < listsFor(fatSectors) ? used + fatSectors + at + 1 : END_OF_CHAIN;
      const part = places.slice(from, from + PER_SECTOR - 1);
      return [...part, ...Array.from({ length: PER_SECTOR - 1 - part.length }, () => FREE), next];
    });
    const header = Buffer.alloc(SECTOR);
    header.write('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'latin1');
    header.writeUInt16LE(9, 30); // sectors of 512 octets
    header.writeUInt32LE(fatSectors, 44);
    header.writeUInt32LE(starts.directory, 48);
    header.writeUInt32LE(CUTOFF, 56);
    header.writeUInt32LE(starts.miniFat, 60);
    header.writeUInt32LE(lists.length === 0 ? END_OF_CHAIN : used + fatSectors, 68);
    words(places.slice(0, IN_HEADER), FREE, IN_HEADER).copy(header, 76);
    const fat = words(this.fat, FREE, fatSectors * PER_SECTOR);
    return Buffer.concat([header, this.content, fat, words(lists.flat(), FREE)]);
  }
}

/** Filled up to `count`, by default to whole sectors. */
function words(
  values: readonly number[],
  filling: number,
  count = Math.ceil(values.length / PER_SECTOR) * PER_SECTOR,
): Buffer {
  const bytes = Buffer.alloc(count * 4);
  for (let at = 0; at < count; at++) bytes.writeUInt32LE(values[at] ?? filling, at * 4);
  return bytes;
}

function entryOf(
  name: string,
  { type, start, size }: { readonly type: number; readonly start: number; readonly size: number },
): Buffer {
  const entry = Buffer.alloc(ENTRY_BYTES);
  entry.write(name, 0, 'utf16le');
  entry.writeUInt16LE((name.length + 1) * 2, 64);
  entry[66] = type;
  entry.writeUInt32LE(start, 116);
  entry.writeUInt32LE(size, 120);
  return entry;
}
