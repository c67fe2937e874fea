/** How mail of a domain waits: what its file says, else the node, and how much of it there may be. */
import type { Row } from './rows.ts';

export interface DomainQueueView {
  /** Undefined: no bound but the node's. */
  readonly maxMessages: number | undefined;
  readonly maxBytes: number | undefined;
  readonly retryMs: readonly number[];
  readonly lifetimeMs: number;
}

/** Times in seconds, as in all rows. */
export function domainQueueRow(queue: DomainQueueView): Row {
  return {
    max_messages: queue.maxMessages,
    max_bytes: queue.maxBytes,
    retry: queue.retryMs.map((ms) => ms / 1000),
    lifetime: queue.lifetimeMs / 1000,
  };
}
