/**
 * What one attempt means for a spooled message: done, tried again later with the recipients that are
 * left, or held for a person. A pure function. Nothing undeliverable goes silently away: without a
 * proven sender it is held; a DSN goes only to a sender whose domain stands behind the message.
 */
import type { Outcome } from '../mail/outcome.ts';
import { replyText } from '../mail/outcome.ts';
import { isPermanent } from '../mail/reply.ts';
import type { Hold, LastAnswer, SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';

export type Settlement =
  | { readonly kind: 'done' }
  | { readonly kind: 'retry'; readonly entry: SpoolEntry }
  | { readonly kind: 'hold'; readonly entry: SpoolEntry; readonly hold: Hold };

export interface Tried {
  readonly recipient: SpooledRecipient;
  readonly outcome: Outcome;
}

/** Recipients of an attempt: those not refused for good; all of them when a person wants it again. */
export function recipientsToTry(entry: SpoolEntry): readonly SpooledRecipient[] {
  const pending = entry.recipients.filter((recipient) => !isRefused(recipient));
  return pending.length > 0 ? pending : entry.recipients;
}

export function settle(
  entry: SpoolEntry,
  tried: readonly Tried[],
  at: number,
  host: string | undefined,
): Settlement {
  const answered = new Map(tried.map(({ recipient, outcome }) => [recipient, outcome]));
  const left = entry.recipients.flatMap((recipient) => {
    const outcome = answered.get(recipient);
    if (outcome === undefined) return [recipient];
    if (outcome.kind === 'delivered') return [];
    return [{ ...recipient, last: lastAnswer(outcome, at, host) }];
  });
  if (left.length === 0) return { kind: 'done' };
  const maybe = tried.some(({ outcome }) => outcome.kind === 'deferred' && outcome.maybeDelivered);
  const next: SpoolEntry = {
    ...entry,
    recipients: left,
    attempts: entry.attempts + 1,
    maybeDelivered: entry.maybeDelivered || maybe,
  };
  const text = left.find((recipient) => recipient.last !== undefined)?.last?.text ?? '';
  if (left.every((recipient) => isRefused(recipient))) {
    return held(next, { by: 'gateway', at, reason: 'undeliverable', text });
  }
  if (at >= entry.expiresAt) return held(next, { by: 'gateway', at, reason: 'expired', text });
  return { kind: 'retry', entry: next };
}

export function isRefused(recipient: SpooledRecipient): boolean {
  const code = recipient.last?.code;
  return code !== undefined && isPermanent({ code, lines: [] });
}

export function held(entry: SpoolEntry, hold: Hold): Settlement {
  return { kind: 'hold', entry: { ...entry, hold }, hold };
}

function lastAnswer(
  outcome: Exclude<Outcome, { kind: 'delivered' }>,
  at: number,
  host: string | undefined,
): LastAnswer {
  const { reply } = outcome;
  return {
    at,
    text: outcome.kind === 'deferred' ? outcome.text : replyText(outcome.reply),
    ...(reply && { code: reply.code }),
    ...(reply?.enhanced !== undefined && { enhanced: reply.enhanced }),
    ...(host !== undefined && { host }),
  };
}
