/**
 * Whether a message is in a state for a step: why not, in the word that an operator who named it by its
 * id is answered with. Listings ask the same, so that filters and `ALL` mean only what the step fits.
 */
import { redirectionOf } from '../mail/redirection.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import { hasProvenSender, isQuarantined } from '../mail/spool-entry.ts';
import type { Outage } from './outage.ts';

export const ACTIONS = ['retry', 'hold', 'release', 'delete', 'requeue', 'expire'] as const;
export type QueueAction = (typeof ACTIONS)[number];

export interface QueueStep {
  readonly action: QueueAction;
  /** With `release`: also what filters have still to judge. */
  readonly unscanned?: boolean;
  /** With `requeue`: to its own destination, not to another host. */
  readonly isBack?: boolean;
}

export type Unfit =
  | 'on hold'
  | 'not on hold'
  | 'not judged yet'
  | 'not requeued before'
  | 'destination held'
  | 'destination paused'
  | 'in quarantine';

/** `outage` is that of its destination. */
export function unfitFor(
  { action, unscanned, isBack }: QueueStep,
  entry: SpoolEntry,
  outage: Outage | undefined,
): Unfit | undefined {
  // Not ours to let go: a filter that names everything must not free what was kept back.
  if (isQuarantined(entry)) return 'in quarantine';
  const isHeld = entry.hold !== undefined;
  const isUnjudged = entry.hold?.unjudged !== undefined;
  switch (action) {
    case 'retry':
      if (isHeld) return 'on hold';
      if (outage?.kind === 'held') return 'destination held';
      return outage?.kind === 'paused' ? 'destination paused' : undefined;
    case 'release':
      if (!isHeld) return 'not on hold';
      return isUnjudged && unscanned !== true ? 'not judged yet' : undefined;
    case 'hold':
      return isHeld ? 'on hold' : undefined;
    case 'requeue':
      if (isHeld) return 'on hold';
      return isBack === true && redirectionOf(entry.dest) === undefined
        ? 'not requeued before'
        : undefined;
    case 'expire':
      // Its sender would hear of content that no filter has seen.
      if (isUnjudged) return 'not judged yet';
      return isHeld && !hasProvenSender(entry) ? 'on hold' : undefined;
    case 'delete':
      return undefined;
  }
}

/** Of a message with a damaged record nothing is known but its id: it can be removed and nothing else. */
export function fitsDamaged({ action }: QueueStep): boolean {
  return action === 'delete';
}
