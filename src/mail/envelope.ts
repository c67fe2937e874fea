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
