/**
 * SMTPUTF8: an address beyond ASCII means nothing to a server without it (RFC 6531 3.2). Another host of
 * the destination may have it. Content with 8 bits goes on as it is whatever the peer offers: every
 * server takes it, and writing it anew would break its signatures. Pure functions.
 */
import { needsSmtpUtf8 } from '../mail/address.ts';
import type { Envelope, Recipient } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';
import { replies } from '../mail/reply.ts';
import type { Offers } from '../smtp/client-commands.ts';

export const NO_UTF8: Outcome = { kind: 'failed', reply: replies.smtpUtf8NotRelayable() };

/** Recipients that a peer can be asked about. */
export function askable(
  { smtpUtf8 }: Pick<Offers, 'smtpUtf8'>,
  { reversePath, recipients }: Pick<Envelope, 'reversePath' | 'recipients'>,
): readonly Recipient[] {
  if (smtpUtf8) return recipients;
  if (needsSmtpUtf8(reversePath)) return [];
  return recipients.filter(({ address }) => !needsSmtpUtf8(address));
}
