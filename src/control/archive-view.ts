/** The archive, as everybody sees it who lets people look: the API of the command line now, a panel later. */
import type { Address } from '../mail/address.ts';

export interface ArchivedMail {
  readonly id: string;
  readonly at: number;
  readonly account: string;
  readonly domain: string;
  readonly from: string;
  readonly rcpts: readonly string[];
  readonly subject?: string;
  readonly msgid?: string;
  readonly client: string;
  readonly size: number;
}

export interface ArchiveQuery {
  readonly from?: string;
  readonly to?: string;
  readonly account?: string;
  readonly domain?: string;
  readonly subject?: string;
  readonly msgid?: string;
  readonly since?: number;
  readonly until?: number;
}

export interface ArchiveView {
  /** Newest first. */
  search(query: ArchiveQuery): AsyncIterable<ArchivedMail>;
  find(id: string): Promise<ArchivedMail | undefined>;
  /** Bytes as they went out. */
  content(id: string): AsyncIterable<Uint8Array>;
  /** To its recipients, or to these: the ids of the new messages, or why there are none. */
  resend(
    id: string,
    to: readonly Address[],
    by: string,
  ): Promise<{ readonly ids: readonly string[] } | string>;
}
