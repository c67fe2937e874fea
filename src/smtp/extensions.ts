/** What EHLO offers (RFC 5321 4.1.1.1): the extensions of this moment of a session. Pure. */
import type { Mechanism } from './sasl.ts';
import { XCLIENT_ATTRIBUTES } from './xclient.ts';

export interface Offering {
  /** Bytes of a message. */
  readonly messageSize: number;
  readonly tls: 'on' | 'possible' | 'off';
  /** By which a login may follow. */
  readonly mechanisms: readonly Mechanism[];
  /** The client may ask for the mail that waits for it, or may once it has logged in. */
  readonly etrn: boolean;
  /** The client is a proxy that may speak for others. */
  readonly xclient: boolean;
}

export function extensionsOf({ messageSize, tls, mechanisms, etrn, xclient }: Offering): string[] {
  return [
    'PIPELINING',
    `SIZE ${messageSize}`,
    '8BITMIME',
    'SMTPUTF8',
    'ENHANCEDSTATUSCODES',
    'DSN',
    'CHUNKING',
    ...(tls === 'possible' ? ['STARTTLS'] : []),
    ...(tls === 'on' ? ['REQUIRETLS'] : []), // RFC 8689 4.1
    ...(etrn ? ['ETRN'] : []), // RFC 1985 4
    ...(xclient ? [`XCLIENT ${XCLIENT_ATTRIBUTES}`] : []),
    ...(mechanisms.length > 0 ? [`AUTH ${mechanisms.join(' ')}`] : []),
  ];
}
