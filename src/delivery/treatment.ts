/** What an attempt shows of how a destination treats us. Pure. */
import { formatAddress, pathText } from '../mail/address.ts';
import type { Envelope } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';
import { isPositive } from '../mail/reply.ts';
import type { Attempt, Refused } from './connections.ts';
import type { Tried } from './first-tries.ts';
import type { Treatment } from './hindrances.ts';
import type { Transaction } from './transaction.ts';

export function treatmentOf(
  attempt: Exclude<Attempt<Transaction>, { kind: 'busy' }>,
  envelopeMs: number | undefined,
  envelope: Envelope,
): Treatment {
  if (attempt.kind === 'no-host') return treatmentWithoutHost(attempt);
  const { outcomes, temporary, lost } = attempt.value;
  const before = attempt.crowd && treatmentWithoutHost(attempt.crowd);
  const refusals = [...(before?.refusals ?? [])];
  if (temporary !== undefined && !isPositive(temporary)) refusals.push(temporary);
  for (const { reply } of outcomes) {
    if (reply !== undefined && !isPositive(reply)) refusals.push(reply);
  }
  return {
    ...before,
    refusals,
    envelopeMs: lost === undefined ? envelopeMs : undefined,
    isGood: outcomes.some(({ kind }) => kind === 'delivered'),
    tried: triedOf(envelope, outcomes),
  };
}

/** Those that were taken or put off by a word of the destination's. */
function triedOf({ reversePath, recipients }: Envelope, outcomes: readonly Outcome[]): Tried[] {
  const sender = pathText(reversePath);
  const tried: Tried[] = [];
  for (const [index, { address }] of recipients.entries()) {
    const outcome = outcomes[index];
    if (outcome === undefined || outcome.kind === 'failed') continue;
    const putOff = outcome.kind === 'deferred' ? outcome.reply : undefined;
    if (outcome.kind === 'deferred' && putOff === undefined) continue;
    tried.push({ sender, recipient: formatAddress(address), putOff });
  }
  return tried;
}

export function treatmentWithoutHost({ why: { text, reply }, beside }: Refused): Treatment {
  return {
    refusals: reply === undefined ? [] : [reply],
    envelopeMs: undefined,
    ...(beside > 0 && { refusedBeside: { text, open: beside } }),
    isGood: false,
  };
}
