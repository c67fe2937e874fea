/**
 * The commands a client sends, as text, and what EHLO says about the peer. A parameter goes out only
 * when the peer offers its extension; no command ever holds a control character.
 */
import { isIPv6 } from 'node:net';
import { formatAddress, formatPath, needsSmtpUtf8 } from '../mail/address.ts';
import type { ReversePath } from '../mail/address.ts';
import { mailParametersText, rcptParametersText } from '../mail/envelope.ts';
import type { MailParameters, Recipient } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import { UNKNOWN_ADDRESS } from './xclient.ts';

/** Of XCLIENT. */
const UNAVAILABLE = '[UNAVAILABLE]';

/** What the peer offers (RFC 5321 4.1.1.1); nothing before EHLO and after HELO. */
export interface Offers {
  readonly pipelining: boolean;
  readonly startTls: boolean;
  readonly size: boolean;
  /** The largest content that it takes (RFC 1870 4); undefined when it does not say. */
  readonly maxBytes: number | undefined;
  readonly eightBitMime: boolean;
  readonly smtpUtf8: boolean;
  readonly dsn: boolean;
  readonly requireTls: boolean;
  /** Mechanisms of AUTH (RFC 4954). */
  readonly auth: readonly string[];
  /** Attributes of XCLIENT that it takes from us. */
  readonly xclient: readonly string[];
}

export const NO_OFFERS: Offers = {
  pipelining: false,
  startTls: false,
  size: false,
  maxBytes: undefined,
  eightBitMime: false,
  smtpUtf8: false,
  dsn: false,
  requireTls: false,
  auth: [],
  xclient: [],
};

export function offersOf(ehlo: Reply): Offers {
  // The first line is the peer's name.
  const words = new Set(
    ehlo.lines.slice(1).map((line) => line.trim().split(' ', 1)[0]?.toUpperCase()),
  );
  return {
    pipelining: words.has('PIPELINING'),
    startTls: words.has('STARTTLS'),
    size: words.has('SIZE'),
    maxBytes: maxBytesOf(ehlo),
    eightBitMime: words.has('8BITMIME'),
    smtpUtf8: words.has('SMTPUTF8'),
    dsn: words.has('DSN'),
    requireTls: words.has('REQUIRETLS'),
    auth: wordsBehind('AUTH', ehlo),
    xclient: wordsBehind('XCLIENT', ehlo),
  };
}

/** Zero says that there is no limit; what is no number says nothing. */
function maxBytesOf(ehlo: Reply): number | undefined {
  const [digits = ''] = wordsBehind('SIZE', ehlo);
  return /^\d{1,20}$/.test(digits) && Number(digits) > 0 ? Number(digits) : undefined;
}

function wordsBehind(keyword: string, ehlo: Reply): readonly string[] {
  const lines = ehlo.lines.slice(1).map((line) => line.trim().toUpperCase().split(/ +/));
  return lines.find(([word]) => word === keyword)?.slice(1) ?? [];
}

/** For whom mail comes, as a proxy tells it: what is not known is said to be so. */
export function xclientCommand(
  { address, hello }: { readonly address: string; readonly hello: string },
  attributes: readonly string[],
): string {
  const numeric = isIPv6(address) ? `IPV6:${address}` : address;
  const values: Readonly<Record<string, string>> = {
    NAME: UNAVAILABLE,
    ADDR: address === UNKNOWN_ADDRESS ? UNAVAILABLE : numeric,
    PORT: UNAVAILABLE,
    PROTO: 'ESMTP',
    HELO: hello === '' ? UNAVAILABLE : xtext(hello),
    LOGIN: UNAVAILABLE,
  };
  const known = Object.entries(values).filter(([name]) => attributes.includes(name));
  return ['XCLIENT', ...known.map(([name, value]) => `${name}=${value}`)].join(' ');
}

/** RFC 3461 4. */
function xtext(text: string): string {
  return text.replace(/[^\x21-\x7e]|[+=]/gu, (char) =>
    [...Buffer.from(char)]
      .map((octet) => `+${octet.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}

/** `sizeBytes` is that of the content as it will be sent, if it is known. */
export function mailCommand(
  reversePath: ReversePath,
  parameters: MailParameters,
  sizeBytes: number | undefined,
  offers: Offers,
): string {
  let command = `MAIL FROM:${formatPath(reversePath)}`;
  if (offers.size && sizeBytes !== undefined) command += ` SIZE=${sizeBytes}`;
  const smtpUtf8 = parameters.smtpUtf8 === true || needsSmtpUtf8(reversePath);
  return command + mailParametersText({ ...parameters, smtpUtf8 }, offers);
}

export function rcptCommand(recipient: Recipient, offers: Offers): string {
  const command = `RCPT TO:<${formatAddress(recipient.address)}>`;
  return command + rcptParametersText(recipient.parameters, offers);
}
