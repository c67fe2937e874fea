/**
 * Files that a person has put into a notebook of OneNote: a double click opens them. Their contents stand
 * plainly in it (MS-ONESTORE 2.6.13). Their names stand elsewhere, each before the path that the file came
 * from, which tells them from the text of the pages (EmbeddedFileName and SourceFilepath, MS-ONE 2.1.12);
 * also in notebooks as OneDrive hands them out, where the contents are packed in another way.
 */
import type { Examination } from './finding.ts';
import type { Inner } from './ole-document.ts';

const FILE_DATA = Buffer.from('e716e3bd65261145a4c48d4d0b7a9eac', 'hex');
const FILE_HEAD_BYTES = 36;
const MAX_FILES = 1000;
/** How a text of two octets a letter ends that has an extension. */
const NAME_END = /\.\0(?:(?!\0\0)[^]{2}){1,20}\0\0/g;
const MAX_PATH_BYTES = 4096;
const NO_CONTENT = Buffer.alloc(0);

export function examineNotebook(bytes: Buffer, examination: Examination, inner: Inner): void {
  const { names, contents } = filesIn(bytes);
  for (const name of names) examination.member(name, NO_CONTENT);
  for (const content of contents) {
    examination.member('', content);
    inner(content);
  }
  if (Math.max(names.length, contents.length) > MAX_FILES) examination.note('unexamined');
}

function filesIn(bytes: Buffer): {
  readonly names: readonly string[];
  readonly contents: readonly Buffer[];
} {
  const contents: Buffer[] = [];
  let at = bytes.indexOf(FILE_DATA);
  while (at >= 0 && at + FILE_HEAD_BYTES <= bytes.length && contents.length <= MAX_FILES) {
    const start = at + FILE_HEAD_BYTES;
    contents.push(bytes.subarray(start, start + bytes.readUInt32LE(at + FILE_DATA.length)));
    at = bytes.indexOf(FILE_DATA, start);
  }
  const names = new Set<string>();
  for (const { index, 0: end } of bytes.toString('latin1').matchAll(NAME_END)) {
    const name = nameBefore(bytes, index + end.length);
    if (name !== undefined) names.add(name);
    if (names.size > MAX_FILES) break;
  }
  return { names: [...names], contents };
}

/** The name that ends there, where a path follows that ends in it. */
function nameBefore(bytes: Buffer, end: number): string | undefined {
  const path = textAt(bytes, end);
  if (path === undefined) return undefined;
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  const start = end - 2 * (name.length + 1) - 4;
  return start >= 0 && textAt(bytes, start) === name ? name : undefined;
}

/** With its length in octets before it, a zero at its end among them. */
function textAt(bytes: Buffer, at: number): string | undefined {
  if (at + 4 > bytes.length) return undefined;
  const length = bytes.readUInt32LE(at);
  const end = at + 4 + length;
  if (length < 2 || length > MAX_PATH_BYTES || end > bytes.length) return undefined;
  return bytes.readUInt16LE(end - 2) === 0 ? bytes.toString('utf16le', at + 4, end - 2) : undefined;
}
