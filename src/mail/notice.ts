/**
 * A notice of the gateway itself as a message: plain text for a person, never to be answered by a
 * machine (RFC 3834 5). A pure function; what stands in it is made printable and bounded, for some
 * of it comes from peers.
 */
import type { Address } from './address.ts';
import { formatAddress } from './address.ts';
import { encodeWords } from './encoded-words.ts';
import { dateTime } from './trace-fields.ts';

export interface NoticeFacts {
  readonly hostname: string;
  readonly id: string;
  readonly at: number;
  readonly to: Address;
  readonly subject: string;
  readonly lines: readonly string[];
}

export interface Notice {
  readonly bytes: Buffer;
  /** Needs SMTPUTF8: the address is beyond ASCII. */
  readonly isUtf8: boolean;
  /** Needs 8BITMIME. */
  readonly isEightBit: boolean;
}

const MAX_SUBJECT = 200;
/** RFC 5321 4.5.3.1.6 allows 998 octets of text. */
const MAX_LINE = 300;

export function buildNotice(facts: NoticeFacts): Notice {
  const { hostname, id, at, to, subject, lines } = facts;
  const address = formatAddress(to);
  const body = Buffer.from(lines.map((line) => `${printable(line, MAX_LINE)}\r\n`).join(''));
  const isEightBit = body.some((byte) => byte > 127);
  const header = [
    `Date: ${dateTime(at)}`,
    `From: Mail Gateway <MAILER-DAEMON@${hostname}>`,
    `To: <${address}>`,
    `Subject: ${encodeWords(printable(subject, MAX_SUBJECT))}`,
    `Message-ID: <${id}@${hostname}>`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    ...(isEightBit ? ['Content-Transfer-Encoding: 8bit'] : []),
    '',
  ];
  const head = Buffer.from(header.map((line) => `${line}\r\n`).join(''));
  const isUtf8 = /[^\x20-\x7e]/.test(address);
  return { bytes: Buffer.concat([head, body]), isUtf8, isEightBit: isEightBit || isUtf8 };
}

function printable(text: string, max: number): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must go
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ').slice(0, max);
}
