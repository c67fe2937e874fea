/**
 * The thread that documents are looked into: one message in, one out. What goes wrong with a document
 * makes it one that cannot be examined; the thread goes on.
 */
import { parentPort } from 'node:worker_threads';
import type { DocumentLimits, Finding } from './finding.ts';
import { officeFindings } from './office.ts';

/** The pieces come by transfer, as the memory they lie in. */
export interface DocumentTask {
  readonly pieces: readonly Uint8Array[];
  readonly name: string;
  readonly limits: DocumentLimits;
}

export interface DocumentAnswer {
  readonly findings: readonly Finding[];
  /** What was thrown, when something was. */
  readonly error?: string;
}

parentPort?.on('message', (task: DocumentTask) => {
  parentPort?.postMessage(answerOf(task));
});

function answerOf({ pieces, name, limits }: DocumentTask): DocumentAnswer {
  try {
    return { findings: officeFindings(Buffer.concat(pieces), limits, name) };
  } catch (error) {
    return { findings: ['unexamined'], error: String(error) };
  }
}
