/**
 * A report about mail that a filter caught, for whoever answers for its sender: a text for people, the
 * facts in the Abuse Reporting Format (RFC 5965) for programs, and the message or its header. A pure
 * function.
 */
import type { Address } from './address.ts';
import { formatAddress, needsSmtpUtf8 } from './address.ts';
import type { Notice } from './notice.ts';
import { ascii, hasEightBit, lines, part } from './report-parts.ts';
import { dateTime } from './trace-fields.ts';

export interface AbuseFacts {
  readonly hostname: string;
  readonly version: string;
  /** Of the report itself. */
  readonly id: string;
  /** Random, so that nothing of the message can look like it. */
  readonly boundary: string;
  readonly at: number;
  readonly to: Address;
  /** Who gets the answers of people. */
  readonly replyTo: Address | undefined;
  /** RFC 5965 7.3. */
  readonly kind: 'abuse' | 'virus' | 'other';
  readonly subject: string;
  readonly text: readonly string[];
  /** When the message came, where from, from whom and to whom. */
  readonly arrivedAt: number;
  readonly sourceIp: string;
  readonly reversePath: Address | null;
  readonly recipients: readonly Address[];
  /** The domain of the sender. */
  readonly domain: string;
  /** The message, or its header alone where that must not be passed around. */
  readonly returned: { readonly kind: 'header' | 'content'; readonly bytes: Uint8Array };
}

/** As many as a reader wants to see, and a message may have. */
const MAX_RECIPIENTS = 100;

export function buildAbuseReport(facts: AbuseFacts): Notice {
  const { hostname, id, boundary, at, to, replyTo, returned } = facts;
  const type = returned.kind === 'content' ? 'message/rfc822' : 'text/rfc822-headers';
  const parts = [
    part('text/plain; charset=utf-8', Buffer.from(lines(facts.text))),
    part('message/feedback-report', Buffer.from(feedback(facts))),
    part(type, returned.bytes),
  ];
  const isUtf8 = needsSmtpUtf8(to) || (replyTo !== undefined && needsSmtpUtf8(replyTo));
  const isEightBit = isUtf8 || parts.some(hasEightBit);
  const header = lines([
    `Date: ${dateTime(at)}`,
    `From: Mail Gateway <MAILER-DAEMON@${hostname}>`,
    `To: <${formatAddress(to)}>`,
    ...(replyTo === undefined ? [] : [`Reply-To: <${formatAddress(replyTo)}>`]),
    `Subject: ${ascii(facts.subject)}`,
    `Message-ID: <${id}@${hostname}>`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=feedback-report;',
    `\tboundary="${boundary}"`,
    ...(isEightBit ? ['Content-Transfer-Encoding: 8bit'] : []),
  ]);
  const chunks: Uint8Array[] = [Buffer.from(header)];
  for (const bytes of parts) chunks.push(Buffer.from(`\r\n--${boundary}\r\n`), bytes);
  chunks.push(Buffer.from(`\r\n--${boundary}--\r\n`));
  return { bytes: Buffer.concat(chunks), isUtf8, isEightBit };
}

/** RFC 5965 3. */
function feedback(facts: AbuseFacts): string {
  const { hostname, version, kind, arrivedAt, sourceIp, reversePath, recipients, domain } = facts;
  return lines([
    `Feedback-Type: ${kind}`,
    `User-Agent: Sluice/${version}`,
    'Version: 1',
    `Original-Mail-From: <${reversePath === null ? '' : ascii(formatAddress(reversePath))}>`,
    ...recipients
      .slice(0, MAX_RECIPIENTS)
      .map((address) => `Original-Rcpt-To: <${ascii(formatAddress(address))}>`),
    `Arrival-Date: ${dateTime(arrivedAt)}`,
    `Reporting-MTA: dns; ${hostname}`,
    `Source-IP: ${sourceIp}`,
    `Reported-Domain: ${ascii(domain)}`,
  ]);
}
