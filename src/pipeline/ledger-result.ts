/** What the ledger line of a transaction (`msg.in`) calls what became of its message. */
import type { Acceptance } from './accept.ts';
import type { TransactionResult } from './transaction.ts';

/** Mail held because nobody could be asked about it is no suspect. */
export function resultOf({ how, why }: Acceptance): TransactionResult {
  switch (how) {
    case 'delivered':
    case 'queued':
      return 'accept';
    case 'held':
      return why === 'outage' || why === 'unjudged' ? 'accept' : 'quarantine';
    case 'discarded':
      return 'discard';
    case 'refused':
      return 'reject';
    case 'deferred':
      return 'tempfail';
    case 'left':
      return 'abort';
  }
}
