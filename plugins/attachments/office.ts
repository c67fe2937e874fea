/**
 * Documents of Office and OpenDocument, and archives: which of the findings they have, and the files in
 * them that rules are about. The work is bounded by the length of the document and the limits, whatever
 * the bytes are.
 */
import {
  examineGz,
  examineRar,
  examineSevenZip,
  examineSlowlyPacked,
  examineTar,
  examineTnef,
} from './archive.ts';
import { biffFindings } from './biff.ts';
import { documentKind } from './document-kind.ts';
import type { DocumentLimits, Finding, Found, MemberRules } from './finding.ts';
import { Examination } from './finding.ts';
import { examineNotebook } from './notebook.ts';
import type { TextFindings } from './office-text.ts';
import { markupFindings, rtfFindings, slkFindings, tableFindings, textOf } from './office-text.ts';
import { examineActiveMime, examineOle, examinePackage } from './ole-document.ts';
import { examineZip } from './zip-document.ts';

/** `name`: where it is known; it counts only for files whose bytes say nothing. */
export function foundIn(
  bytes: Uint8Array,
  limits: DocumentLimits,
  name: string,
  rules: MemberRules,
): Found {
  const examination = new Examination(limits.bytes, rules);
  const document = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  examine(document, examination, limits.depth, name.toLowerCase());
  return examination.found;
}

function examine(bytes: Buffer, examination: Examination, depth: number, name: string): void {
  const kind = documentKind(bytes, name);
  if (kind === undefined) return;
  if (depth < 0) {
    examination.note('unexamined');
    return;
  }
  const inner = (within: Buffer, called = '') =>
    examine(within, examination, depth - 1, called.toLowerCase());
  const note = (findings: readonly Finding[]) => {
    for (const finding of findings) examination.note(finding);
  };
  const take = ({ findings, embedded, packages }: TextFindings) => {
    note(findings);
    for (const within of embedded) inner(within);
    for (const file of packages) examinePackage(file, examination, inner);
  };
  switch (kind) {
    case 'ole':
      examineOle(bytes, examination, inner);
      return;
    case 'zip':
      examineZip(bytes, examination, inner);
      return;
    case 'active-mime':
      examineActiveMime(bytes, examination, inner);
      return;
    case 'biff':
      note(biffFindings(bytes));
      return;
    case 'rtf':
      take(rtfFindings(textOf(bytes)));
      return;
    case 'markup':
      take(markupFindings(textOf(bytes)));
      return;
    case 'slk':
      note(slkFindings(textOf(bytes)));
      return;
    case 'table':
      note(tableFindings(textOf(bytes)));
      return;
    case 'tar':
      examineTar(bytes, examination, inner);
      return;
    case 'gz':
      examineGz(bytes, name, examination, inner);
      return;
    case 'bz2':
    case 'xz':
    case 'lzma':
      examineSlowlyPacked(kind, bytes, name, examination, inner);
      return;
    case 'rar':
      examineRar(bytes, examination, inner);
      return;
    case '7z':
      examineSevenZip(bytes, examination);
      return;
    case 'onenote':
      examineNotebook(bytes, examination, inner);
      return;
    case 'tnef':
      examineTnef(bytes, examination, inner);
      return;
    default:
      kind satisfies never;
  }
}
