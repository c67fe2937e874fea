/**
 * The results that a record can have: what the client was told, then what became of what was taken
 * (`accepted/deferred`).
 */

/** Nothing comes after these; the last two are of what has not been answered, and never was mail. */
const ENDS = ['rejected', 'tempfailed', 'discarded', 'aborted', 'open', 'no mail'];
const TAKEN = ['accepted', 'quarantined'];
const LATER = [
  ...['queued', 'deferred', 'delivered', 'partial', 'held', 'failed', 'expired'],
  ...['deleted', 'quarantined'],
];

export const RESULTS: readonly string[] = [
  ...TAKEN,
  ...ENDS,
  ...TAKEN.flatMap((told) => LATER.map((later) => `${told}/${later}`)),
];

/** Their words, each once. */
export const RESULT_WORDS: readonly string[] = [...new Set([...TAKEN, ...ENDS, ...LATER])];
