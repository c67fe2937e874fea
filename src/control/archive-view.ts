/** The archive, as everybody sees it who lets people look: the API of the command line now, a panel later. */
import type { Address } from '../mail/address.ts';
import type { Archived, ArchiveQuery } from '../mail/archived-mail.ts';

export interface ResendWish {
  readonly id: string;
  /** Nobody: its recipients. */
  readonly to: readonly Address[];
  readonly by: string;
  /** Although the same went out within the last hour. */
  readonly anyway: boolean;
}

export interface ArchiveView {
  /** Newest first. */
  search(query: ArchiveQuery): AsyncIterable<Archived>;
  find(id: string): Promise<Archived | undefined>;
  /** Bytes as they went out. */
  content(id: string): AsyncIterable<Uint8Array>;
  /** The id of the new message, or why there is none; of one that went out `before`. */
  resend(wish: ResendWish): Promise<{ readonly id: string; readonly before?: number } | string>;
}
