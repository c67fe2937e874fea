/**
 * Delivery status notifications as bytes (RFC 3464 in a multipart/report of RFC 6522; RFC 6533 where
 * addresses or the message are in UTF-8): a text for people, the facts for programs, and what comes
 * back of the message. A pure function: it decides nothing about who is told. Values from peers are
 * made printable and bounded, for a field must never grow a second line.
 */
import type { Address } from './address.ts';
import { formatAddress, isAscii, needsSmtpUtf8 } from './address.ts';
import { encodeWords } from './encoded-words.ts';
import { ascii, hasEightBit, lines, part, printable } from './report-parts.ts';
import type { Language, Place, ReportKind, ReportTexts } from './report-words.ts';
import { reportWords, withoutAnswer } from './report-words.ts';
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
  readonly kind: ReportKind;
  /** One after the other. */
  readonly languages: readonly Language[];
  /** Templates in place of ours. */
  readonly texts: ReportTexts;
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

const TEXT_WIDTH = 76;

export function buildDsn(facts: DsnFacts): Dsn {
  // Whose address is in ASCII may have a server without SMTPUTF8: nothing of it is asked for then.
  const isUtf8 = needsSmtpUtf8(facts.to);
  const words = facts.languages.map((language) =>
    reportWords(facts.kind, language, facts.texts, (place) => placeOf(facts, language, place)),
  );
  const text = words.map(({ lines: all }) => lines([...all, ''])).join(`${PARTING}\r\n\r\n`);
  const parts = [
    part('text/plain; charset=utf-8', Buffer.from(text), facts.languages),
    part(
      isUtf8 ? 'message/global-delivery-status' : 'message/delivery-status',
      Buffer.from(statusOf(facts, isUtf8)),
    ),
    ...(facts.returned === undefined ? [] : [returnedPart(facts, facts.returned, isUtf8)]),
  ];
  const isEightBit = isUtf8 || parts.some(hasEightBit);
  const subject = words.map((one) => one.subject).join(' / ');
  const chunks: Uint8Array[] = [Buffer.from(headerOf(facts, subject, isEightBit))];
  for (const bytes of parts) chunks.push(Buffer.from(`\r\n--${facts.boundary}\r\n`), bytes);
  chunks.push(Buffer.from(`\r\n--${facts.boundary}--\r\n`));
  return { bytes: Buffer.concat(chunks), isUtf8, isEightBit };
}

function headerOf(facts: DsnFacts, subject: string, isEightBit: boolean): string {
  const { hostname, id, boundary, at, to } = facts;
  return lines([
    `Date: ${dateTime(at)}`,
    `From: Mail Delivery System <MAILER-DAEMON@${hostname}>`,
    `To: <${formatAddress(to)}>`,
    `Subject: ${encodeWords(subject)}`,
    `Message-ID: <${id}@${hostname}>`,
    // RFC 3834 5: no machine shall answer it.
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status;',
    `\tboundary="${boundary}"`,
    ...(isEightBit ? ['Content-Transfer-Encoding: 8bit'] : []),
  ]);
}

const PARTING = '* * *';

function placeOf(facts: DsnFacts, language: Language, place: Place): readonly string[] {
  switch (place) {
    case 'gateway':
      return [facts.hostname];
    case 'until':
      return [facts.retryUntil === undefined ? '-' : dateTime(facts.retryUntil)];
    case 'recipients':
      return facts.recipients.flatMap(({ address, answer, host }, index) => {
        const said = answer === undefined ? withoutAnswer(facts.kind, language) : printable(answer);
        const whoSaid = host === undefined ? said : `${printable(host)}: ${said}`;
        const gap = index === 0 ? [] : [''];
        return [...gap, `<${formatAddress(address)}>`, ...wrap(whoSaid, '    ')];
      });
  }
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
    const name = formatAddress(address);
    const final = isAscii(name) ? `rfc822; ${name}` : `utf-8; ${isUtf8 ? name : toXtext(name)}`;
    return [
      ...(orcpt === undefined ? [] : [`Original-Recipient: ${originalRecipient(orcpt, isUtf8)}`]),
      `Final-Recipient: ${final}`,
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

/** What came with SMTPUTF8 and goes without is wrapped up whole (RFC 6533 6). */
function returnedPart({ smtpUtf8 }: DsnFacts, { kind, bytes }: Returned, isUtf8: boolean): Buffer {
  const isGlobal = isUtf8 || smtpUtf8;
  const type = {
    header: isGlobal ? 'message/global-headers' : 'text/rfc822-headers',
    content: isGlobal ? 'message/global' : 'message/rfc822',
  }[kind];
  if (!isGlobal || isUtf8) return part(type, bytes);
  const fields = [`Content-Type: ${type}`, 'Content-Transfer-Encoding: base64', ''];
  const encoded = Buffer.from(bytes)
    .toString('base64')
    .replace(/.{76}(?=.)/g, '$&\r\n');
  return Buffer.from(lines([...fields, encoded]));
}

/** `type; address`: the address as the sender wrote it (RFC 3461 5.2.1, RFC 6533 3). */
function originalRecipient(orcpt: string, isUtf8: boolean): string {
  const semicolon = orcpt.indexOf(';');
  const type = ascii(orcpt.slice(0, semicolon));
  const text = orcpt.slice(semicolon + 1);
  if (type.toLowerCase() !== 'utf-8') {
    const address = fromXtext(text);
    return `${type}; ${isUtf8 ? printable(address) : ascii(address)}`;
  }
  const address = printable(fromUnicodeXtext(text));
  return `${type}; ${isUtf8 ? address : toXtext(address)}`;
}

const MAX_CODE_POINT = 0x10ffff;

/** RFC 6533 3: `\x{F6}` stands for a character; in what is no such thing nothing is changed. */
function fromUnicodeXtext(text: string): string {
  return text.replace(/\\x\{([0-9A-F]{2,6})\}/gi, (whole, digits: string) => {
    const code = Number.parseInt(digits, 16);
    return code > MAX_CODE_POINT ? whole : String.fromCodePoint(code);
  });
}

/** The same the other way, for a status that must be in ASCII. */
function toXtext(text: string): string {
  const code = (char: string) => char.codePointAt(0)?.toString(16).toUpperCase() ?? '';
  return text.replace(/[^\x21-\x7e]|[+=\\]/gu, (char) => `\\x{${code(char).padStart(2, '0')}}`);
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
