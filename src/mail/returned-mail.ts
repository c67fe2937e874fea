/**
 * Mail that speaks of a message of ours: a complaint (RFC 5965, or a message passed on by somebody) or a
 * bounce (RFC 3464, or the many forms of before). Read line by line, wherever in the body the lines
 * stand: each system has its own form, and all of them quote the header of what they mean. Pure and
 * linear; nothing in it is to be believed, and what is found only counts when it was really sent.
 */

export interface ReturnedMail {
  /** As quoted, with their brackets, of the first few messages in it. */
  readonly messageIds: readonly string[];
  /** Of gateways like this one: what stands behind `id` in their Received fields. */
  readonly ids: readonly string[];
  /** RFC 5965 3.1, in lower case: `abuse`, `fraud`, `not-spam` ... */
  readonly feedbackType: string | undefined;
  /** RFC 3464 2.3.3, in lower case: `failed`, `delayed` ... */
  readonly action: string | undefined;
  /** RFC 3463, where one is found: `5.1.1`. */
  readonly status: string | undefined;
  /** Who complains (RFC 5965 3.2), or could not be reached (RFC 3464 2.3.1, 2.3.2), in lower case. */
  readonly recipients: readonly string[];
}

/** What is read of a message: reports put the header of what they mean early. */
export const MAX_RETURNED_READ = 256 * 1024;
const MAX_MESSAGES = 5;
const MAX_RECIPIENTS = 50;

/** `>` and blanks in front: how people quote. */
const QUOTED_ID = /^[> \t]{0,20}Message-ID:[ \t]*(?:\r?\n[ \t]+)?(<[^<>\s]{1,298}>)/gim;
const RECEIVED_ID = /^.{0,300}\bid ([0-9A-HJKMNP-TV-Z]{10}\.\d{1,6})\b/gm;
const IS_FEEDBACK = /report-type="?feedback-report\b/i;
const FEEDBACK = /^Feedback-Type:[ \t]*([a-z-]{1,40})/im;
const ACTION = /^Action:[ \t]*([a-z]{1,20})/im;
const STATUS = /^Status:[ \t]*([245]\.\d{1,3}\.\d{1,3})/im;
const FAILED = /^(?:Original|Final)-Recipient:[ \t]*rfc822;[ \t]*<?([^\s<>;]{3,320})>?/gim;
const COMPLAINING = /^Original-Rcpt-To:[ \t]*<?([^\s<>;]{3,320})>?/gim;
/** Of systems that only tell people. */
const TOLD_STATUS = /\b([45]\.\d{1,3}\.\d{1,3})\b|\b([45])[0-5]\d[ -]/;

/** `content`: a message, or its first part. */
export function readReturned(content: Buffer): ReturnedMail {
  const text = content.toString('latin1', 0, MAX_RETURNED_READ);
  // What the header of the report itself says is about the report.
  const headerEnd = Math.max(0, text.indexOf('\r\n\r\n'));
  const body = text.slice(headerEnd);
  // Elsewhere it would be the word of the message that the report is about.
  const isFeedback = IS_FEEDBACK.test(text.slice(0, headerEnd));
  return {
    messageIds: all(body, QUOTED_ID, MAX_MESSAGES),
    ids: all(body, RECEIVED_ID, MAX_MESSAGES),
    feedbackType: isFeedback ? FEEDBACK.exec(body)?.[1]?.toLowerCase() : undefined,
    action: ACTION.exec(body)?.[1]?.toLowerCase(),
    status: STATUS.exec(body)?.[1] ?? toldStatus(body),
    recipients: all(body, isFeedback ? COMPLAINING : FAILED, MAX_RECIPIENTS).map((address) =>
      address.toLowerCase(),
    ),
  };
}

function all(text: string, pattern: RegExp, most: number): string[] {
  const found = new Set<string>();
  for (const [, value] of text.matchAll(pattern)) {
    if (value !== undefined) found.add(value);
    if (found.size >= most) break;
  }
  return [...found];
}

function toldStatus(body: string): string | undefined {
  const [, enhanced, code] = TOLD_STATUS.exec(body) ?? [];
  return enhanced ?? (code === undefined ? undefined : `${code}.0.0`);
}
