/**
 * Documents of Office and OpenDocument, and zip archives: which of the findings they have. The work is
 * bounded by the length of the document and the limits, whatever the bytes are.
 */
import { biffFindings } from './biff.ts';
import { documentKind } from './document-kind.ts';
import type { DocumentLimits, Finding } from './finding.ts';
import { Examination } from './finding.ts';
import type { TextFindings } from './office-text.ts';
import { markupFindings, rtfFindings, slkFindings, tableFindings, textOf } from './office-text.ts';
import { examineActiveMime, examineOle } from './ole-document.ts';
import { examineZip } from './zip-document.ts';

/** `name`: where it is known; it counts only for files whose bytes say nothing. */
export function officeFindings(bytes: Uint8Array, limits: DocumentLimits, name = ''): Finding[] {
  const examination = new Examination(limits.bytes);
  const document = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  examine(document, examination, limits.depth, name.toLowerCase());
  return examination.findings;
}

function examine(bytes: Buffer, examination: Examination, depth: number, name: string): void {
  const kind = documentKind(bytes, name);
  if (kind === undefined) return;
  if (depth < 0) {
    examination.note('unexamined');
    return;
  }
  const inner = (within: Buffer) => examine(within, examination, depth - 1, '');
  const note = (findings: readonly Finding[]) => {
    for (const finding of findings) examination.note(finding);
  };
  const take = ({ findings, embedded }: TextFindings) => {
    note(findings);
    for (const within of embedded) inner(within);
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
    default:
      kind satisfies never;
  }
}
