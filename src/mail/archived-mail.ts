/** A message of the archive beside its content, and how one is looked for. */
import type { MailParameters } from './envelope.ts';

export interface Archived {
  readonly v: 1;
  readonly id: string;
  /** When it was taken, milliseconds since the epoch. */
  readonly at: number;
  readonly account: string;
  /** The hosted domain that answers for the account. */
  readonly domain: string;
  /** Empty for the null reverse-path. */
  readonly from: string;
  readonly rcpts: readonly string[];
  readonly parameters: Pick<MailParameters, 'body' | 'smtpUtf8' | 'requireTls'>;
  readonly subject?: string;
  readonly msgid?: string;
  readonly client: string;
  readonly size: number;
}

export interface ArchiveQuery {
  /** Addresses, or `@domain`. */
  readonly from?: string;
  readonly to?: string;
  readonly account?: string;
  readonly domain?: string;
  /** All of its words are in the subject. */
  readonly subject?: string;
  readonly msgid?: string;
  readonly since?: number;
  readonly until?: number;
}
