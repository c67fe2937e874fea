/** Our own `Received` field on a message (RFC 5321 4.4). */
import { formatAddress } from '../mail/address.ts';
import { receivedField } from '../mail/trace-fields.ts';
import type { Transaction } from './transaction.ts';

/** `at`: now, in milliseconds since the epoch; `hidesClient`: of people who have logged in. */
export function receivedOf(transaction: Transaction, at: number, hidesClient = false): string {
  const { session, id, recipients, parameters, generation } = transaction;
  const only = recipients.length === 1 ? recipients[0] : undefined;
  return receivedField({
    helloName: session.hello?.name ?? 'unknown',
    verb: session.hello?.verb ?? 'HELO',
    clientAddress: session.remote.address,
    hostname: generation.settings.hostname,
    id,
    tls: session.tls,
    hidesClient: hidesClient && session.login !== undefined,
    isAuthenticated: session.login !== undefined,
    smtpUtf8: parameters.smtpUtf8 ?? false,
    recipient: only && formatAddress(only.address),
    at,
  });
}
