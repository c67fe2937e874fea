/** What an attempt during the session came to, in the words of the client and of the spool. */
import { lastAnswer } from '../delivery/settlement.ts';
import type { Recipient } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';
import type { Reason } from '../mail/reason.ts';
import type { Reply } from '../mail/reply.ts';
import { passOn, replies } from '../mail/reply.ts';
import type { SpooledRecipient } from '../mail/spool-entry.ts';

/** What a courier that says nothing means. */
export const NO_OUTCOME: Outcome = { kind: 'deferred', text: 'no outcome' };

/** A reply of ours is as it is; what the destination said is passed on as its word. */
export function heard(reply: Reply, name: string, as: 'final' | 'for now' = 'final'): Reply {
  return reply.reason === undefined ? passOn(reply, name, as) : reply;
}

/** In place of the spool: the first word of the destination with which it put the message off. */
export function putOff(outcomes: readonly Outcome[], name: string): Reply {
  const said = outcomes.find((outcome) => outcome.kind === 'deferred' && outcome.reply)?.reply;
  return said === undefined ? replies.destinationDown() : heard(said, name, 'for now');
}

/** Who put it off: the destination by a reply, or nobody was there to answer. */
export function whyOf({ reply }: Exclude<Outcome, { kind: 'delivered' }>): Reason {
  return reply === undefined ? 'dest_down' : (reply.reason ?? 'destination');
}

/** The destination has the message for a recipient, or may have: coming back would double it. */
export function mayHaveTaken(outcome: Outcome): boolean {
  if (outcome.kind === 'deferred') return outcome.maybeDelivered === true;
  return outcome.kind === 'delivered';
}

export function withAnswer(
  recipient: Recipient,
  outcome: Outcome,
  host: string | undefined,
  at: number,
): SpooledRecipient {
  if (outcome.kind === 'delivered') return recipient;
  return { ...recipient, last: lastAnswer(outcome, at, host) };
}
