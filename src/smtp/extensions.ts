/** What EHLO offers (RFC 5321 4.1.1.1): the extensions of this moment of a session. Pure. */
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import type { Mechanism } from './sasl.ts';
import type { SessionSettings } from './session-settings.ts';
import { XCLIENT_ATTRIBUTES } from './xclient.ts';

export interface Offering {
  /** The port has STARTTLS. */
  readonly startTls: boolean;
  /** By which a login may follow. */
  readonly mechanisms: readonly Mechanism[];
  /** The client may ask for the mail that waits for it, or may once it has logged in. */
  readonly etrn: boolean;
  /** The client is a proxy that may speak for others. */
  readonly xclient: boolean;
}

export function ehloReply(
  { hostname, limits }: Pick<SessionSettings, 'hostname' | 'limits'>,
  { tls }: Pick<SessionView, 'tls'>,
  { startTls, mechanisms, etrn, xclient }: Offering,
): Reply {
  const extensions = [
    'PIPELINING',
    `SIZE ${limits.messageSize}`,
    '8BITMIME',
    'SMTPUTF8',
    'ENHANCEDSTATUSCODES',
    'DSN',
    'CHUNKING',
  ];
  if (startTls && tls === undefined) extensions.push('STARTTLS');
  if (tls !== undefined) extensions.push('REQUIRETLS'); // RFC 8689 4.1
  if (etrn) extensions.push('ETRN'); // RFC 1985 4
  if (xclient) extensions.push(`XCLIENT ${XCLIENT_ATTRIBUTES}`);
  if (mechanisms.length > 0) extensions.push(`AUTH ${mechanisms.join(' ')}`);
  return replies.ehlo(hostname, extensions);
}
