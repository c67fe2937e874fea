/** The archive, as everybody sees it who lets people look: the API of the command line now, a panel later. */
import type { Address } from '../mail/address.ts';
import type { Archived, ArchiveQuery } from '../mail/archived-mail.ts';

export interface ArchiveView {
  /** Newest first. */
  search(query: ArchiveQuery): AsyncIterable<Archived>;
  find(id: string): Promise<Archived | undefined>;
  /** Bytes as they went out. */
  content(id: string): AsyncIterable<Uint8Array>;
  /** To its recipients, or to these: the id of the new message, or why there is none. */
  resend(id: string, to: readonly Address[], by: string): Promise<{ readonly id: string } | string>;
}
