/**
 * The envelope of a transaction (RFC 5321 2.3.1): who it comes from, who shall have it, and what the
 * client declared about it. DSN parameters are kept per recipient, as RFC 3461 wants them.
 */
import type { Address, ReversePath } from './address.ts';

export type BodyType = '7BIT' | '8BITMIME';

/** Parameters of MAIL that go on with the message. */
export interface MailParameters {
  /** Declared size in bytes (RFC 1870). */
  readonly size?: number;
  readonly body?: BodyType;
  readonly smtpUtf8?: boolean;
  /** RFC 3461 4.3 and 4.4; `envid` in xtext as received. */
  readonly ret?: 'FULL' | 'HDRS';
  readonly envid?: string;
  /** Never without verified TLS, on no hop (RFC 8689). */
  readonly requireTls?: boolean;
}

export type Notify = 'NEVER' | readonly ('SUCCESS' | 'FAILURE' | 'DELAY')[];

/** Parameters of RCPT (RFC 3461 4.1, 4.2); `orcpt` as received, `type;xtext`. */
export interface RcptParameters {
  readonly notify?: Notify;
  readonly orcpt?: string;
}

export interface Recipient {
  readonly address: Address;
  readonly parameters: RcptParameters;
}

export interface Envelope {
  readonly reversePath: ReversePath;
  readonly parameters: MailParameters;
  readonly recipients: readonly Recipient[];
}

/** What the next server can be told. */
export interface Expressible {
  readonly eightBitMime: boolean;
  readonly smtpUtf8: boolean;
  readonly requireTls: boolean;
  readonly dsn: boolean;
}

/** As they stand behind the path in MAIL, each with a blank before it; SIZE is not among them. */
export function mailParametersText(parameters: MailParameters, can: Expressible): string {
  const { body, smtpUtf8, requireTls, ret, envid } = parameters;
  let text = '';
  if (can.eightBitMime && body === '8BITMIME') text += ' BODY=8BITMIME';
  if (can.smtpUtf8 && smtpUtf8 === true) text += ' SMTPUTF8';
  if (can.requireTls && requireTls === true) text += ' REQUIRETLS';
  if (can.dsn && ret !== undefined) text += ` RET=${ret}`;
  if (can.dsn && envid !== undefined) text += ` ENVID=${envid}`;
  return text;
}

/** Likewise behind that in RCPT. */
export function rcptParametersText({ notify, orcpt }: RcptParameters, can: Expressible): string {
  if (!can.dsn) return '';
  let text = '';
  if (notify !== undefined) text += ` NOTIFY=${notify === 'NEVER' ? notify : notify.join(',')}`;
  if (orcpt !== undefined) text += ` ORCPT=${orcpt}`;
  return text;
}
