/**
 * What can be found in a compound file: VBA projects by their storages, macros and links of Excel by
 * its records, DDE fields of Word, the macros that PowerPoint packs, encryption of all three, and the
 * documents that such a document or an Outlook message carries.
 */
import { constants, inflateSync } from 'node:zlib';
import { biffFindings } from './biff.ts';
import type { Examination } from './finding.ts';
import { CODE_BEGINS, hasDdeField } from './office-text.ts';
import type { OleEntry, OleFile } from './ole.ts';
import { openOle } from './ole.ts';
import type { Packaged } from './package.ts';
import { packaged } from './package.ts';

/** Looks into a document within the document; its name counts where its bytes say nothing. */
export type Inner = (bytes: Buffer, name?: string) => void;

const VBA_STREAM = '_VBA_PROJECT';
const VBA_STORAGES: readonly string[] = ['VBA', '_VBA_PROJECT_CUR'];
const ENCRYPTED_STREAMS: readonly string[] = ['ENCRYPTEDPACKAGE', 'ENCRYPTEDSUMMARY'];
/** Files that are embedded as they are, and attachments of Outlook (MS-OXMSG 2.2.2: PidTagAttachDataBinary). */
const CARRIED: readonly string[] = ['PACKAGE', 'CONTENTS', '__SUBSTG1.0_37010102'];

export function examineOle(bytes: Buffer, examination: Examination, inner: Inner): void {
  const file = openOle(bytes);
  if (file?.isWhole !== true) {
    if (bytes.includes(VBA_STREAM, 0, 'utf16le')) examination.note('vba');
    examination.note('unexamined');
  }
  if (file === undefined) return;
  for (const entry of file.entries) {
    if (entry.isStorage) {
      if (VBA_STORAGES.includes(entry.name)) examination.note('vba');
    } else if (entry.name === VBA_STREAM) examination.note('vba');
    else if (ENCRYPTED_STREAMS.includes(entry.name)) examination.note('encrypted');
    else examineStream(file, entry, examination, inner);
  }
}

function examineStream(
  file: OleFile,
  entry: OleEntry,
  examination: Examination,
  inner: Inner,
): void {
  const stream = () => {
    const limit = examination.allowance;
    if (entry.size > limit) examination.note('unexamined');
    const bytes = file.read(entry, limit);
    examination.spend(bytes.length);
    return bytes;
  };
  switch (entry.name) {
    case 'WORKBOOK':
    case 'BOOK':
      for (const finding of biffFindings(stream())) examination.note(finding);
      return;
    case 'WORDDOCUMENT':
      examineWord(stream(), examination);
      return;
    case 'CURRENT USER':
      if (isEncryptedShow(file.read(entry, 64))) examination.note('encrypted');
      return;
    case 'POWERPOINT DOCUMENT':
      examineShow(stream(), examination, inner);
      return;
    case '\x01OLE10NATIVE': {
      const native = stream();
      const { names, content } = packaged(native.subarray(4)) ?? { names: [], content: native };
      for (const name of names) examination.member(name, content);
      // What its lengths say is one reading, the first document in it the other.
      const within = fileWithin(native);
      inner(within === native ? content : within, names.join('\n'));
      return;
    }
    default:
      if (CARRIED.includes(entry.name)) inner(fileWithin(stream()));
  }
}

/** The file meets the rules for those in archives. */
export function examinePackage(
  { names, content }: Packaged,
  examination: Examination,
  inner: Inner,
): void {
  for (const name of names) examination.member(name, content);
  inner(content, names.join('\n'));
}

/** MS-DOC 2.5.2: the flags of the FIB. */
const FIB_FLAGS = 10;
const FIB_ENCRYPTED = 0x0100;
const FIB_BYTES = 32;
const WIDE_DDE_CODE = new RegExp(
  `${CODE_BEGINS}\\0(?:[\\s"\\\\*]\\0){0,50}D\\0D\\0E\\0(?:A\\0U\\0T\\0O\\0)?\\W`,
  'i',
);

function examineWord(stream: Buffer, examination: Examination): void {
  if (stream.length < FIB_BYTES) return;
  if ((stream.readUInt16LE(FIB_FLAGS) & FIB_ENCRYPTED) !== 0) {
    examination.note('encrypted');
    return;
  }
  const text = stream.toString('latin1');
  // Its text has one octet for a character, or two.
  if (hasDdeField(text) || WIDE_DDE_CODE.test(text)) examination.note('dde');
}

/** MS-PPT 2.3.2: the token of the Current User atom. */
const TOKEN_AT = 12;
const ENCRYPTED_TOKEN = 0xf3d1c4df;

function isEncryptedShow(stream: Buffer): boolean {
  return stream.length >= TOKEN_AT + 4 && stream.readUInt32LE(TOKEN_AT) === ENCRYPTED_TOKEN;
}

/** MS-PPT 2.10.34: an embedded object or VBA project, packed when the instance is 1. */
const OBJECT_STORAGE = 0x1011;
const CONTAINER_VERSION = 0xf;

function examineShow(stream: Buffer, examination: Examination, inner: Inner): void {
  for (let at = 0; at + 8 <= stream.length;) {
    const head = stream.readUInt16LE(at);
    const type = stream.readUInt16LE(at + 2);
    const length = stream.readUInt32LE(at + 4);
    at += 8;
    if ((head & 0xf) === CONTAINER_VERSION) continue;
    const data = stream.subarray(at, at + length);
    at += length;
    if (type !== OBJECT_STORAGE) continue;
    if (head >> 4 !== 1) {
      inner(data);
      continue;
    }
    const unpacked = inflated(data.subarray(4), examination);
    if (unpacked === undefined) examination.note('unexamined');
    else inner(unpacked);
  }
}

/** ActiveMime, which Word writes into web pages and XML: what is packed follows a head of about 50. */
export function examineActiveMime(bytes: Buffer, examination: Examination, inner: Inner): void {
  // Nothing else is ever packed this way.
  examination.note('vba');
  for (const at of [0x32, 0x22a]) {
    const unpacked = inflated(bytes.subarray(at), examination);
    if (unpacked !== undefined) inner(unpacked);
  }
}

function inflated(packed: Buffer, examination: Examination): Buffer | undefined {
  const limit = examination.allowance;
  if (limit <= 0) return undefined;
  try {
    // PowerPoint leaves the end of the packed stream out.
    const finishFlush = constants.Z_SYNC_FLUSH;
    const bytes = inflateSync(packed, { finishFlush, maxOutputLength: limit });
    examination.spend(bytes.length);
    return bytes;
  } catch {
    return undefined;
  }
}

/** Names and paths may stand before a file that was put in by hand (Ole10Native). */
const HEAD_BYTES = 4096;
const MAGIC: readonly string[] = ['\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'PK\x03\x04', '{\\rt'];

function fileWithin(stream: Buffer): Buffer {
  const head = stream.toString('latin1', 0, HEAD_BYTES);
  const places = MAGIC.map((magic) => head.indexOf(magic)).filter((at) => at >= 0);
  return places.length === 0 ? stream : stream.subarray(Math.min(...places));
}
