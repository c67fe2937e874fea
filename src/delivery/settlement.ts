/**
 * What one attempt means for a spooled message: done, tried again later with the recipients that are
 * left, or held for a person. Pure functions. Nothing undeliverable goes silently away: a recipient
 * that is given up is reported to a proven sender, else it stays in the message. As long as others
 * of the same message have hope it waits with them, refused and not tried; when only such ones are
 * left, the message is held with exactly them. So a message has one record and one end.
 */
import type { Outcome } from '../mail/outcome.ts';
import { replyText } from '../mail/outcome.ts';
import { isPermanent } from '../mail/reply.ts';
import type { Hold, LastAnswer, SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import type { Fate } from './reports.ts';

export interface Tried {
  readonly recipient: SpooledRecipient;
  readonly outcome: Outcome;
  /** Whose word it is; of one attempt at several destinations each has its own. */
  readonly host?: string | undefined;
}

export interface Settlement {
  /** Given up and leaving the message, with what was said about them last. */
  readonly gone: readonly SpooledRecipient[];
  /** Those of them whose sender wants to hear of it. */
  readonly reported: readonly SpooledRecipient[];
  readonly next:
    | { readonly kind: 'done'; readonly result: 'delivered' | 'partial' | 'failed' | 'expired' }
    | { readonly kind: 'retry'; readonly entry: SpoolEntry }
    | { readonly kind: 'hold'; readonly entry: SpoolEntry };
}

/** Recipients of an attempt: those not refused for good; all of them when a person wants it again. */
export function recipientsToTry(entry: SpoolEntry): readonly SpooledRecipient[] {
  const pending = entry.recipients.filter((recipient) => !isRefused(recipient));
  return pending.length > 0 ? pending : entry.recipients;
}

/** `fate` says of a recipient that is given up whether a report speaks of it, or a person must. */
export function settle(
  entry: SpoolEntry,
  tried: readonly Tried[],
  at: number,
  fate: (recipient: SpooledRecipient) => Fate,
): Settlement {
  const left = remaining(entry, tried, at);
  const isExpired = at >= entry.expiresAt;
  const isGivenUp = (recipient: SpooledRecipient) => isExpired || isRefused(recipient);
  const gone = left.filter((recipient) => isGivenUp(recipient) && fate(recipient) !== 'hold');
  const stay = left.filter((recipient) => !gone.includes(recipient));
  const reported = gone.filter((recipient) => fate(recipient) === 'report');
  if (stay.length === 0) {
    const anyDelivered = tried.some(({ outcome }) => outcome.kind === 'delivered');
    return { gone, reported, next: { kind: 'done', result: resultOf(gone, anyDelivered) } };
  }
  const maybe = tried.some(({ outcome }) => outcome.kind === 'deferred' && outcome.maybeDelivered);
  const next: SpoolEntry = {
    ...entry,
    recipients: stay,
    attempts: entry.attempts + (tried.length > 0 ? 1 : 0),
    maybeDelivered: entry.maybeDelivered || maybe,
  };
  if (!stay.every(isGivenUp)) return { gone, reported, next: { kind: 'retry', entry: next } };
  const reason = stay.every(isRefused) ? 'undeliverable' : 'expired';
  const text = stay.find(({ last }) => last !== undefined)?.last?.text ?? 'its lifetime is over';
  return { gone, reported, next: held(next, { by: 'gateway', at, reason, text }) };
}

export function held(entry: SpoolEntry, hold: Hold): { kind: 'hold'; entry: SpoolEntry } {
  return { kind: 'hold', entry: { ...entry, hold } };
}

/** The destination's last word about it was no. */
export function isRefused({ last }: SpooledRecipient): boolean {
  return last?.code !== undefined && isPermanent({ code: last.code });
}

/**
 * What is kept of an answer. The code of a reply that we took as temporary although it looks
 * permanent (a greeting, a full transaction) is left out: only what was decided may be read here.
 */
export function lastAnswer(
  outcome: Exclude<Outcome, { kind: 'delivered' }>,
  at: number,
  host: string | undefined,
): LastAnswer {
  const { reply } = outcome;
  const isDecided = reply !== undefined && isPermanent(reply) === (outcome.kind === 'failed');
  return {
    at,
    text: outcome.kind === 'deferred' ? outcome.text : replyText(outcome.reply),
    ...(isDecided && { code: reply.code }),
    ...(isDecided && reply.enhanced !== undefined && { enhanced: reply.enhanced }),
    ...(host !== undefined && { host }),
  };
}

function remaining(entry: SpoolEntry, tried: readonly Tried[], at: number): SpooledRecipient[] {
  const answered = new Map(tried.map((one) => [one.recipient, one]));
  return entry.recipients.flatMap((recipient) => {
    const answer = answered.get(recipient);
    if (answer === undefined) return [recipient];
    const { outcome, host } = answer;
    if (outcome.kind === 'delivered') return [];
    return [{ ...recipient, last: lastAnswer(outcome, at, host) }];
  });
}

function resultOf(
  gone: readonly SpooledRecipient[],
  anyDelivered: boolean,
): 'delivered' | 'partial' | 'failed' | 'expired' {
  if (gone.length === 0) return 'delivered';
  if (anyDelivered) return 'partial';
  return gone.some(isRefused) ? 'failed' : 'expired';
}
