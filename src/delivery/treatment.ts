/** What an attempt shows of how a destination treats us. Pure. */
import { isPositive } from '../mail/reply.ts';
import type { Attempt } from './connections.ts';
import type { Treatment } from './hindrances.ts';
import type { Transaction } from './transaction.ts';

export function treatmentOf(
  attempt: Exclude<Attempt<Transaction>, { kind: 'busy' }>,
  envelopeMs: number | undefined,
): Treatment {
  if (attempt.kind === 'no-host') return treatmentWithoutHost(attempt);
  const { outcomes, temporary, lost } = attempt.value;
  const said = [temporary, ...outcomes.map(({ reply }) => reply)];
  return {
    refusals: said.flatMap((reply) => (reply === undefined || isPositive(reply) ? [] : [reply])),
    envelopeMs: lost === undefined ? envelopeMs : undefined,
    isGood: outcomes.some(({ kind }) => kind === 'delivered'),
  };
}

export function treatmentWithoutHost({
  why: { text, reply },
  beside,
}: Extract<Attempt<never>, { kind: 'no-host' }>): Treatment {
  return {
    refusals: reply === undefined ? [] : [reply],
    envelopeMs: undefined,
    ...(beside > 0 && { refusedBeside: { text, open: beside } }),
    isGood: false,
  };
}
