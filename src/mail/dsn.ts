/**
 * Delivery status notifications as bytes (RFC 3464 in a multipart/report of RFC 6522; RFC 6533 where
 * addresses or the message are in UTF-8): a text for people, the facts for programs, and what comes
 * back of the message. A pure function: it decides nothing about who is told. Values from peers are
 * made printable and bounded, for a field must never grow a second line.
 */
import type { Address } from './address.ts';
import { formatAddress, isAscii } from './address.ts';
import { dateTime } from './trace-fields.ts';

export interface ReportedRecipient {
  readonly address: Address;
  /** As received, `type;xtext`. */
  readonly orcpt: string | undefined;
  /** Enhanced status code. */
  readonly status: string;
  /** What was said or what happened. */
  readonly answer: string | undefined;
  /** `answer` is an SMTP reply, not a sentence of ours. */
  readonly isReply: boolean;
  /** Who said it. */
  readonly host: string | undefined;
  readonly lastAttemptAt: number | undefined;
}

/** What comes back: the header up to its empty line, or all of it. */
export interface Returned {
  readonly kind: 'header' | 'content';
  readonly bytes: Uint8Array;
}

export interface DsnFacts {
  /** `relayed`: handed to a host that sends no reports (RFC 3461 6.2.7.2). */
  readonly kind: 'failed' | 'delayed' | 'relayed';
  readonly hostname: string;
  /** Of the report itself. */
  readonly id: string;
  /** Random, so that nothing returned can look like it. */
  readonly boundary: string;
  readonly at: number;
  /** When the message came. */
  readonly arrivedAt: number;
  readonly to: Address;
  /** In xtext as received. */
  readonly envid: string | undefined;
  /** The message was sent with SMTPUTF8. */
  readonly smtpUtf8: boolean;
  readonly recipients: readonly ReportedRecipient[];
  readonly returned: Returned | undefined;
  /** Of a delay: when it is given up. */
  readonly retryUntil?: number;
}

export interface Dsn {
  readonly bytes: Buffer;
  /** Needs SMTPUTF8. */
  readonly isUtf8: boolean;
  /** Needs 8BITMIME. */
  readonly isEightBit: boolean;
}

const WORDS: Record<DsnFacts['kind'], { readonly subject: string; readonly what: string }> = {
  failed: {
    subject: 'Undelivered mail returned to sender',
    what:
      'Your message could not be delivered to the following recipients. ' +
      'It will not be tried again.',
  },
  delayed: {
    subject: 'Mail is delayed (still being tried)',
    what:
      'Your message could not be delivered to the following recipients yet. ' +
      'It is still being tried; you need not send it again.',
  },
  relayed: {
    subject: 'Mail was handed on',
    what:
      'Your message was taken by the mail server of the following recipients. That server sends ' +
      'no reports of delivery: unless it returns the message to you, you hear no more of it.',
  },
};

const MAX_ANSWER = 600;
const TEXT_WIDTH = 76;

export function buildDsn(facts: DsnFacts): Dsn {
  const isUtf8 =
    facts.smtpUtf8 ||
    [facts.to, ...facts.recipients.map(({ address }) => address)].some(
      ({ local, domain }) => !isAscii(local) || !isAscii(domain),
    );
  const parts = [
    part('text/plain; charset=utf-8', Buffer.from(textOf(facts))),
    part(
      isUtf8 ? 'message/global-delivery-status' : 'message/delivery-status',
      Buffer.from(statusOf(facts, isUtf8)),
    ),
    ...(facts.returned === undefined ? [] : [returnedPart(facts.returned, isUtf8)]),
  ];
  const isEightBit = isUtf8 || parts.some(hasEightBit);
  const chunks: Uint8Array[] = [Buffer.from(headerOf(facts, isEightBit))];
  for (const bytes of parts) chunks.push(Buffer.from(`\r\n--${facts.boundary}\r\n`), bytes);
  chunks.push(Buffer.from(`\r\n--${facts.boundary}--\r\n`));
  return { bytes: Buffer.concat(chunks), isUtf8, isEightBit };
}

function headerOf(facts: DsnFacts, isEightBit: boolean): string {
  const { kind, hostname, id, boundary, at, to } = facts;
  return lines([
    `Date: ${dateTime(at)}`,
    `From: Mail Delivery System <MAILER-DAEMON@${hostname}>`,
    `To: <${formatAddress(to)}>`,
    `Subject: ${WORDS[kind].subject}`,
    `Message-ID: <${id}@${hostname}>`,
    // RFC 3834 5: no machine shall answer it.
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status;',
    `\tboundary="${boundary}"`,
    ...(isEightBit ? ['Content-Transfer-Encoding: 8bit'] : []),
  ]);
}

function textOf({ kind, hostname, recipients, retryUntil }: DsnFacts): string {
  const until = retryUntil === undefined ? [] : [`It is tried until ${dateTime(retryUntil)}.`, ''];
  return lines([
    `This is the mail gateway ${hostname}.`,
    '',
    ...wrap(WORDS[kind].what, ''),
    '',
    ...until,
    ...recipients.flatMap(({ address, answer, host }) => {
      const said = answer === undefined ? 'nobody took it in time' : printable(answer);
      const whoSaid = host === undefined ? said : `${printable(host)}: ${said}`;
      return [`<${formatAddress(address)}>`, ...wrap(whoSaid, '    '), ''];
    }),
  ]);
}

/** RFC 3464 2.1: fields about the message, then about each recipient, parted by empty lines. */
function statusOf(facts: DsnFacts, isUtf8: boolean): string {
  const { kind, hostname, envid, arrivedAt, recipients, retryUntil } = facts;
  const perMessage = [
    `Reporting-MTA: dns; ${hostname}`,
    ...(envid === undefined ? [] : [`Original-Envelope-Id: ${printable(fromXtext(envid))}`]),
    `Arrival-Date: ${dateTime(arrivedAt)}`,
  ];
  const perRecipient = recipients.map((recipient) => {
    const { address, orcpt, status, answer, isReply, host, lastAttemptAt } = recipient;
    const type = isUtf8 && !isAscii(formatAddress(address)) ? 'utf-8' : 'rfc822';
    return [
      ...(orcpt === undefined ? [] : [`Original-Recipient: ${originalRecipient(orcpt, isUtf8)}`]),
      `Final-Recipient: ${type}; ${formatAddress(address)}`,
      `Action: ${kind}`,
      `Status: ${status}`,
      ...(host === undefined ? [] : [`Remote-MTA: dns; ${ascii(host)}`]),
      ...(isReply && answer !== undefined
        ? [`Diagnostic-Code: smtp; ${isUtf8 ? printable(answer) : ascii(answer)}`]
        : []),
      ...(lastAttemptAt === undefined ? [] : [`Last-Attempt-Date: ${dateTime(lastAttemptAt)}`]),
      ...(retryUntil === undefined ? [] : [`Will-Retry-Until: ${dateTime(retryUntil)}`]),
    ];
  });
  return [perMessage, ...perRecipient].map(lines).join('\r\n');
}

function returnedPart({ kind, bytes }: Returned, isUtf8: boolean): Buffer {
  const type = {
    header: isUtf8 ? 'message/global-headers' : 'text/rfc822-headers',
    content: isUtf8 ? 'message/global' : 'message/rfc822',
  }[kind];
  return part(type, bytes);
}

function part(type: string, body: Uint8Array): Buffer {
  const encoding = hasEightBit(body) ? ['Content-Transfer-Encoding: 8bit'] : [];
  return Buffer.concat([Buffer.from(lines([`Content-Type: ${type}`, ...encoding, ''])), body]);
}

/** `type; address`: the address as the sender wrote it (RFC 3461 5.2.1, RFC 6533 3). */
function originalRecipient(orcpt: string, isUtf8: boolean): string {
  const semicolon = orcpt.indexOf(';');
  const type = orcpt.slice(0, semicolon);
  const address = fromXtext(orcpt.slice(semicolon + 1));
  return `${ascii(type)}; ${isUtf8 ? printable(address) : ascii(address)}`;
}

/** RFC 3461 4: `+` and two hexadecimal digits stand for a character. */
function fromXtext(text: string): string {
  return text.replace(/\+([0-9A-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

function wrap(text: string, indent: string): string[] {
  const wrapped: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    if (line !== indent && line.length + 1 + word.length > TEXT_WIDTH) {
      wrapped.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  return [...wrapped, line];
}

function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must go
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ').slice(0, MAX_ANSWER);
}

function ascii(text: string): string {
  return printable(text).replace(/[^\x20-\x7e]/g, '?');
}

function hasEightBit(bytes: Uint8Array): boolean {
  return bytes.some((byte) => byte > 127);
}

function lines(list: readonly string[]): string {
  return list.map((line) => `${line}\r\n`).join('');
}
