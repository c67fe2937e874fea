/** A zip whose members are stored as they are, for tests; checksums are left out. */
export function storedZip(members: Readonly<Record<string, Uint8Array>>): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [path, bytes] of Object.entries(members)) {
    const name = Buffer.from(path);
    const local = Buffer.alloc(30);
    local.write('PK\x03\x04', 'latin1');
    local.writeUInt32LE(bytes.length, 18);
    local.writeUInt32LE(bytes.length, 22);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.write('PK\x01\x02', 'latin1');
    central.writeUInt32LE(bytes.length, 20);
    central.writeUInt32LE(bytes.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(offset, 42);
    locals.push(local, name, Buffer.from(bytes));
    directory.push(central, name);
    offset += local.length + name.length + bytes.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(directory.length / 2, 8);
  end.writeUInt16LE(directory.length / 2, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, list, end]);
}

/** The same bytes, with other flags or another way of packing in the header of the one member and in the list. */
export function marked(
  archive: Buffer,
  field: 'flags' | 'method',
  own: number,
  listed: number,
): Buffer {
  const at = field === 'flags' ? 6 : 8;
  archive[archive.indexOf('PK\x03\x04', 0, 'latin1') + at] = own;
  archive[archive.indexOf('PK\x01\x02', 0, 'latin1') + at + 2] = listed;
  return archive;
}
