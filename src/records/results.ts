/**
 * The results that a record can have: what the client was told, then what became of what was taken
 * (`accepted/deferred`). Every word of them stands here, whoever makes, stores or looks for one.
 */
import type { EventName } from '../base/log.ts';

/** What the client was told, by the verb of the answer to its message. */
export const TOLD = {
  accept: 'accepted',
  quarantine: 'quarantined',
  reject: 'rejected',
  tempfail: 'tempfailed',
  discard: 'discarded',
  abort: 'aborted',
} as const;
export type Told = (typeof TOLD)[keyof typeof TOLD];

/** A message that has not been answered, and a session that never came to one. */
export const OPEN = 'open';
export const NO_MAIL = 'no mail';

/** What can become of a recipient; of several the first is the one that somebody must look at. */
export const OUTCOMES = [
  ...(['failed', 'expired', 'quarantined', 'held', 'deferred', 'delivered'] as const),
];
export type RecipientOutcome = (typeof OUTCOMES)[number];

/** By the event that says so of him. */
export const OUTCOME_OF: Partial<Record<EventName, RecipientOutcome>> = {
  'rcpt.sent': 'delivered',
  'rcpt.defer': 'deferred',
  'rcpt.fail': 'failed',
  'rcpt.hold': 'held',
  'rcpt.expire': 'expired',
};

/** Nothing has become of it yet. */
export const QUEUED = 'queued';
/** Its parts ended in different ways. */
export const PARTIAL = 'partial';

const LATER = [QUEUED, ...OUTCOMES, PARTIAL, 'deleted'];
/** Of the others nothing more can come. */
export const TAKEN: readonly string[] = [TOLD.accept, TOLD.quarantine];
const ENDS = [...Object.values(TOLD), OPEN, NO_MAIL].filter((word) => !TAKEN.includes(word));

export const RESULTS: readonly string[] = [
  ...TAKEN,
  ...ENDS,
  ...TAKEN.flatMap((told) => LATER.map((later) => `${told}/${later}`)),
];

/** Their words, each once. */
export const RESULT_WORDS: readonly string[] = [...new Set([...TAKEN, ...ENDS, ...LATER])];
