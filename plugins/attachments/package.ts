/**
 * Files of any sort that a person has put into a document: a double click opens them. They stand in an
 * object of the class Package, which is written into compound files (Ole10Native) and into RTF (MS-OLEDS
 * 2.2.5).
 */

/** Names as they stand there, with folders; one that is empty when there is none. */
export interface Packaged {
  readonly names: readonly string[];
  readonly content: Buffer;
}

const MAX_NAME = 1000;
const MARK = 2;

/** The data of a Package: a mark, a label, a path, the path of a copy, the file. */
export function packaged(data: Buffer): Packaged | undefined {
  if (data.length < 2 || data.readUInt16LE(0) !== MARK) return undefined;
  const label = nameAt(data, 2);
  const path = label && nameAt(data, label.end);
  if (label === undefined || path === undefined || path.end + 8 > data.length) return undefined;
  const copyEnd = path.end + 8 + data.readUInt32LE(path.end + 4);
  if (copyEnd + 4 > data.length) return undefined;
  const copy = nameAt(data, path.end + 8)?.text ?? '';
  const names = [label.text, path.text, copy].filter((name) => name !== '');
  return {
    names: names.length === 0 ? [''] : names,
    content: data.subarray(copyEnd + 4, copyEnd + 4 + data.readUInt32LE(copyEnd)),
  };
}

/** An object of OLE 1 in RTF; undefined for one of another class. */
export function packagedObject(object: Buffer): Packaged | undefined {
  const ofClass = textAt(object, 8);
  const topic = ofClass && textAt(object, ofClass.end);
  const item = topic && textAt(object, topic.end);
  if (ofClass === undefined || item === undefined) return undefined;
  return /^package\0?$/i.test(ofClass.text) ? packaged(object.subarray(item.end + 4)) : undefined;
}

interface Text {
  readonly text: string;
  readonly end: number;
}

/** Up to a zero octet. */
function nameAt(bytes: Buffer, at: number): Text | undefined {
  const end = bytes.subarray(at, at + MAX_NAME).indexOf(0);
  if (end < 0) return undefined;
  return { text: bytes.toString('latin1', at, at + end), end: at + end + 1 };
}

/** With its length before it. */
function textAt(bytes: Buffer, at: number): Text | undefined {
  if (at + 4 > bytes.length) return undefined;
  const end = at + 4 + bytes.readUInt32LE(at);
  return end > bytes.length ? undefined : { text: bytes.toString('latin1', at + 4, end), end };
}
