/**
 * The attachments in a winmail.dat (TNEF, MS-OXTNEF), which Outlook and Exchange make of mail in rich
 * text: their names and contents. Attributes of the message itself, and so its text, are not read;
 * checksums are not looked at, for readers do without them.
 */
import { OBJECT, readProperties, TEXT_16, TEXT_8 } from './mapi-properties.ts';

export interface TnefAttachment {
  readonly names: readonly string[];
  readonly contents: readonly Buffer[];
}

export interface TnefListing {
  readonly attachments: readonly TnefAttachment[];
  /** False when something is cut or damaged, or there are more attachments than are read. */
  readonly isWhole: boolean;
}

export const TNEF_MAGIC = '\x78\x9f\x3e\x22';

export function isTnef(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, TNEF_MAGIC.length) === TNEF_MAGIC;
}

const HEAD_BYTES = 6;
/** Level, id and length; a checksum follows the data. */
const ATTRIBUTE_BYTES = 9;
const CHECKSUM_BYTES = 2;
const LEVELS: readonly number[] = [1, 2];
/** The lower half of ids (2.1.3.1); readers differ in what they want of the upper one. */
const BEGIN = 0x9002;
const TITLE = 0x8010;
const DATA = 0x800f;
const PROPERTIES = 0x9005;
const MAX_ATTACHMENTS = 50_000;
const MAX_NAME = 1000;

interface Gathered {
  readonly names: string[];
  readonly contents: Buffer[];
}

export function listTnef(bytes: Buffer): TnefListing {
  let one: Gathered = { names: [], contents: [] };
  const attachments = [one];
  let isWhole = true;
  let at = HEAD_BYTES;
  while (at + ATTRIBUTE_BYTES <= bytes.length) {
    const id = bytes.readUInt16LE(at + 1);
    const length = bytes.readUInt32LE(at + 5);
    const data = bytes.subarray(at + ATTRIBUTE_BYTES, at + ATTRIBUTE_BYTES + length);
    if (!LEVELS.includes(bytes[at] ?? 0) || attachments.length >= MAX_ATTACHMENTS) {
      return { attachments, isWhole: false };
    }
    at += ATTRIBUTE_BYTES + length + CHECKSUM_BYTES;
    if (id === BEGIN) {
      one = { names: [], contents: [] };
      attachments.push(one);
    }
    if (id === TITLE) one.names.push(text(data, 'latin1'));
    else if (id === DATA) one.contents.push(data);
    else if (id === PROPERTIES) isWhole = takeProperties(data, one) && isWhole;
  }
  return { attachments, isWhole: isWhole && at <= bytes.length };
}

/** MS-OXPROPS: PidTagAttachFilename, PidTagAttachLongFilename; PidTagAttachDataObject or -Binary. */
const FILE_NAMES: readonly number[] = [0x3704, 0x3707];
const CONTENT = 0x3701;
/** An object has the GUID of its interface before it. */
const GUID_BYTES = 16;

function takeProperties(data: Buffer, { names, contents }: Gathered): boolean {
  return readProperties(data, ({ id, type, bytes }) => {
    if (id === CONTENT) contents.push(type === OBJECT ? bytes.subarray(GUID_BYTES) : bytes);
    if (!FILE_NAMES.includes(id)) return;
    if (type === TEXT_8) names.push(text(bytes, 'latin1'));
    if (type === TEXT_16) names.push(text(bytes, 'utf16le'));
  });
}

/** Up to the zero that ends it; of more than any name has, the end. */
function text(bytes: Buffer, encoding: 'latin1' | 'utf16le'): string {
  const [shown = ''] = bytes.toString(encoding).split('\0', 1);
  return shown.slice(-MAX_NAME);
}
