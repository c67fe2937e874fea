/**
 * A Message-ID for mail of customers that comes without one, as a server for submission may give it
 * (RFC 6409 8.3): there are receivers that refuse mail without, and what comes back of such mail could
 * not be told from what others make up. So nobody can guess it. Mail that somebody has signed stays as
 * it is, for the signature may say that there is none.
 */
import { randomToken } from '../base/ids.ts';
import type { HeaderField } from '../mail/header.ts';
import type { Transaction } from './transaction.ts';

/** 64 bits. */
const SECRET_BYTES = 8;
const ITS_OWN: ReadonlySet<string> = new Set(['message-id', 'dkim-signature']);

/** The id with its brackets, or undefined where none is to be added. */
export function ownMessageId(
  { id, account, generation }: Pick<Transaction, 'id' | 'account' | 'generation'>,
  fields: readonly HeaderField[],
): string | undefined {
  if (account === undefined || fields.some(({ name }) => ITS_OWN.has(name))) return undefined;
  return `<${id}.${randomToken(SECRET_BYTES)}@${generation.settings.hostname}>`;
}
