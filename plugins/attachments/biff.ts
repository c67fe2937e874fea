/**
 * The records of Excel: those of XLS (MS-XLS, BIFF 2 to 8), whose heads are readable also in an
 * encrypted file, and of the binary parts of XLSB (MS-XLSB).
 */
import type { Finding } from './finding.ts';

const BOF_RECORDS: readonly number[] = [0x0009, 0x0209, 0x0409, 0x0809];
const BOUND_SHEET = 0x0085;
const FILE_PASS = 0x002f;
const EXTERN_SHEET = 0x0017;
const EXTERN_NAME = 0x0023;
const SUP_BOOK = 0x01ae;
const MACRO_SUBSTREAM = 0x0040;
const MACRO_SHEET = 1;
/** Between the program and its topic in the path of a link. */
const DDE_MARK = 0x03;
const OLE_LINK = 0x10;

export function biffFindings(bytes: Buffer): Finding[] {
  const found = new Set<Finding>();
  let isProgramLink = false;
  for (let at = 0; at + 4 <= bytes.length;) {
    const id = bytes.readUInt16LE(at);
    const data = bytes.subarray(at + 4, at + 4 + bytes.readUInt16LE(at + 2));
    if (id === 0 && data.length === 0) break;
    at += 4 + bytes.readUInt16LE(at + 2);
    if (BOF_RECORDS.includes(id)) {
      if (data.length >= 4 && data.readUInt16LE(2) === MACRO_SUBSTREAM) found.add('xlm');
    } else if (id === BOUND_SHEET) {
      if (data[5] === MACRO_SHEET) found.add('xlm');
    } else if (id === FILE_PASS) found.add('encrypted');
    else if (found.has('encrypted')) continue;
    else if (id === SUP_BOOK) {
      // No sheets of its own, and a path: a program and its topic (2.4.271).
      const length = data.length >= 4 ? data.readUInt16LE(2) : 0;
      isProgramLink = length > 0 && length <= 0xff && data.includes(DDE_MARK, 4);
    } else if (id === EXTERN_NAME) {
      if (isProgramLink && ((data[0] ?? 0) & OLE_LINK) === 0) found.add('dde');
    } else if (id === EXTERN_SHEET && isOldProgramLink(data)) found.add('dde');
  }
  return [...found];
}

/** BIFF 5 and before: the path itself, its length first. */
function isOldProgramLink(data: Buffer): boolean {
  const length = data[0] ?? 0;
  return length > 2 && data.length === length + 1 && data.indexOf(DDE_MARK, 2) > 1;
}

/** Whether bytes begin as a worksheet or macro sheet of Excel 2 to 4 does, outside of a compound file. */
export function isBareBiff(head: Buffer): boolean {
  if (head.length < 8 || !BOF_RECORDS.includes(head.readUInt16LE(0))) return false;
  const length = head.readUInt16LE(2);
  return length >= 4 && length <= 20 && (head.readUInt16LE(6) & 0xfe8f) === 0;
}

const BEGIN_SUP_BOOK = 360;
const DDE_LINK = 1;

/** Whether a part of an XLSB is an external link by DDE: its first record says so. */
export function isDdeLinkPart(bytes: Buffer): boolean {
  const first = bytes[0] ?? 0;
  if (first < 0x80 || bytes.length < 5) return false;
  const id = (first & 0x7f) | ((bytes[1] ?? 0) << 7);
  return id === BEGIN_SUP_BOOK && bytes.readUInt16LE(3) === DDE_LINK;
}
