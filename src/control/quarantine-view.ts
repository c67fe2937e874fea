/**
 * What filters keep, as everybody sees it who lets people look and decide: the API of the command line
 * now, panel and digests later. It answers for all mail and lets everything be released; who may see
 * and release what is for its users to know.
 */
import type { Address } from '../mail/address.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { QuarantineTotals } from '../store/spool-store.ts';

export interface QuarantinedMail {
  readonly entry: SpoolEntry;
  /** When it is deleted if nobody releases it. */
  readonly expiresAt: number;
}

export interface QuarantineView {
  totals(): QuarantineTotals;
  /** Oldest first. */
  list(): AsyncIterable<QuarantinedMail>;
  find(id: string): Promise<QuarantinedMail | undefined>;
  /** Bytes as they would go out. */
  content(id: string): AsyncIterable<Uint8Array>;
  /** To all its recipients, or to one of them alone. The word says what became of it. */
  release(id: string, by: string, to?: Address): Promise<string>;
  delete(id: string, by: string, why: string): Promise<string>;
}
