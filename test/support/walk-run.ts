/**
 * The walk over the parts of a mail as `attachments` does it, with documents kept, measured: how long
 * one takes, and what memory it holds at its fullest. Used by a test on a sample and by
 * `npm run corpus:walk` on every file of the corpus.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { documentKind, PROBE_BYTES } from '../../plugins/attachments/document-kind.ts';
import { MimeWalk } from '../../plugins/shared/mime-walk.ts';

export interface WalkCost {
  readonly ms: number;
  readonly bytes: number;
  readonly parts: number;
}

/** As the plugin has them by default. */
const LIMITS = { parts: 10_000, depth: 50 };
const MAX_DOCUMENT = 64 * 1024 * 1024;
/** As content comes from the network or a file. */
const CHUNK = 64 * 1024;

/** Growth from which it is worth the time to tell what is held from what only lies about. */
const DOUBTFUL = 4 * 1024 * 1024;

/** Looks closer at a mail with which memory grows. */
export function walkCost(mail: Buffer): WalkCost {
  const first = walked(mail, () => undefined);
  return first.bytes < DOUBTFUL ? first : { ...walked(mail, collector()), ms: first.ms };
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void; // there with the flag
}

function walked(mail: Buffer, collect: () => void): WalkCost {
  collect();
  const before = held();
  let parts = 0;
  let most = 0;
  let ms = 0;
  const measured = (step: () => void) => {
    const startedAt = performance.now();
    step();
    ms += performance.now() - startedAt;
  };
  const look = () => {
    if (held() - before <= most) return;
    collect();
    most = Math.max(most, held() - before);
  };
  const isWanted = (head: Buffer, { names }: { readonly names: readonly string[] }) =>
    documentKind(head, names[0] ?? '') !== undefined;
  const keep = { isWanted, probe: PROBE_BYTES, limit: MAX_DOCUMENT };
  const walk = new MimeWalk(LIMITS, () => (parts += 1), keep);
  for (let at = 0; at < mail.length; at += CHUNK) {
    measured(() => walk.push(mail.subarray(at, at + CHUNK)));
    look();
  }
  measured(() => walk.end());
  look();
  return { ms, bytes: most, parts };
}

function held(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
