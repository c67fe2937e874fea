/**
 * The thread that documents are looked into: one message in, one out. What goes wrong with a document
 * makes it one that cannot be examined; the thread goes on.
 */
import { parentPort } from 'node:worker_threads';
import type { DocumentLimits, Found, MemberRules } from './finding.ts';
import { foundIn } from './office.ts';

/** The pieces come by transfer, as the memory they lie in. */
export interface DocumentTask {
  readonly pieces: readonly Uint8Array[];
  readonly name: string;
  readonly limits: DocumentLimits;
  readonly rules: MemberRules;
}

export type DocumentAnswer =
  | { readonly kind: 'found'; readonly found: Found }
  /** It cannot be examined; what was thrown, for the log. */
  | { readonly kind: 'failed'; readonly error: string };

parentPort?.on('message', (task: DocumentTask) => {
  parentPort?.postMessage(answerOf(task));
});

function answerOf({ pieces, name, limits, rules }: DocumentTask): DocumentAnswer {
  try {
    return { kind: 'found', found: foundIn(Buffer.concat(pieces), limits, name, rules) };
  } catch (error) {
    return { kind: 'failed', error: String(error) };
  }
}
