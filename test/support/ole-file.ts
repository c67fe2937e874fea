/**
 * A compound file (MS-CFB) for tests: the given streams, and storages where there are no bytes, all of
 * them beside each other. Its directory is a list and no tree; who walks the tree finds nothing.
 */
const SECTOR = 512;
const ENTRY = 128;
const END_OF_CHAIN = 0xffff_fffe;
const FREE = 0xffff_ffff;
const FAT_SECTOR = 0xffff_fffd;
/** One sector of the FAT has so many entries. */
const MAX_SECTORS = SECTOR / 4;

const sectorsOf = (bytes: number) => Math.ceil(bytes / SECTOR);

export function oleFile(members: Readonly<Record<string, Uint8Array | undefined>>): Buffer {
  const entries = Object.entries(members);
  const fat = Buffer.alloc(SECTOR, FREE & 0xff);
  fat.writeUInt32LE(FAT_SECTOR, 0);
  let next = 1;
  const chained = (bytes: number): number => {
    const start = next;
    next += sectorsOf(bytes);
    if (next > MAX_SECTORS) throw new Error('too large for a file of one FAT sector');
    for (let at = start; at < next; at++) {
      fat.writeUInt32LE(at + 1 === next ? END_OF_CHAIN : at + 1, at * 4);
    }
    return start;
  };
  const directory = Buffer.alloc(sectorsOf((entries.length + 1) * ENTRY) * SECTOR);
  chained(directory.length);
  writeEntry(directory, 'Root Entry', { type: 5, start: END_OF_CHAIN, size: 0 });
  const contents: Buffer[] = [];
  for (const [index, [name, bytes]] of entries.entries()) {
    const place = directory.subarray((index + 1) * ENTRY);
    if (bytes === undefined) writeEntry(place, name, { type: 1, start: 0, size: 0 });
    else {
      writeEntry(place, name, { type: 2, start: chained(bytes.length), size: bytes.length });
      contents.push(Buffer.concat([bytes, Buffer.alloc(-bytes.length & (SECTOR - 1))]));
    }
  }
  return Buffer.concat([header(), fat, directory, ...contents]);
}

function header(): Buffer {
  const bytes = Buffer.alloc(SECTOR, FREE & 0xff);
  bytes.fill(0, 0, 76);
  bytes.write('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'latin1');
  bytes.writeUInt16LE(9, 30); // sectors of 512 octets
  bytes.writeUInt32LE(1, 44);
  bytes.writeUInt32LE(1, 48); // where the directory begins
  bytes.writeUInt32LE(0, 56); // no stream is small
  bytes.writeUInt32LE(END_OF_CHAIN, 60);
  bytes.writeUInt32LE(END_OF_CHAIN, 68);
  bytes.writeUInt32LE(0, 76); // the FAT
  return bytes;
}

function writeEntry(
  place: Buffer,
  name: string,
  { type, start, size }: { readonly type: number; readonly start: number; readonly size: number },
): void {
  place.write(name, 0, 'utf16le');
  place.writeUInt16LE((name.length + 1) * 2, 64);
  place[66] = type;
  place.writeUInt32LE(start, 116);
  place.writeUInt32LE(size, 120);
}
