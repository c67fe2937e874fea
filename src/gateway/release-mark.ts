/**
 * The mark in the subject of a report about caught mail. An answer has it too: it names the message,
 * and proves that whoever answers has the report, for nobody can make it without the gateway's secret.
 * Pure.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** 96 bits: beyond guessing, and short enough for a subject. */
const CODE_CHARS = 24;
/** Programs may fold a subject at its blanks. */
const MARK = /\[([0-9A-HJKMNP-TV-Z]{10}\.\d{1,6}(?:-\d{1,12})?)\s{1,10}([0-9a-f]{24})\]/;

export function releaseMark(secret: string, id: string): string {
  return `[${id} ${codeOf(secret, id)}]`;
}

/** The id of the message that is meant, if the mark in `subject` is one of ours. */
export function markedMessage(secret: string, subject: string): string | undefined {
  const [, id, code] = MARK.exec(subject) ?? [];
  if (id === undefined || code === undefined) return undefined;
  const isOurs = timingSafeEqual(Buffer.from(code), Buffer.from(codeOf(secret, id)));
  return isOurs ? id : undefined;
}

/** With a capital, which no name of a login has: what the secret makes of those, strangers may ask for. */
function codeOf(secret: string, id: string): string {
  return createHmac('sha256', secret).update(`Release ${id}`).digest('hex').slice(0, CODE_CHARS);
}
