/**
 * Recipients that make the sink misbehave on demand, by their local part: what it answers to RCPT and
 * to the content, and how that is told to people. Any other recipient is taken.
 */
import { replies } from '../mail/reply.ts';
import type { Reply } from '../mail/reply.ts';

/** For people: help, and what the sink says when it starts. */
export const MAGIC_RECIPIENTS = [
  'unknown@      unknown mailbox',
  'permerror@    refused for good',
  'temperror@    put off',
  '550@, 452@    that reply code, any from 400 to 599',
  'timeout@      no answer, ever',
  'close@        the connection breaks',
  'data-554@     that reply code, but only after the content',
  'data-timeout@ no answer after the content: it may have been taken',
] as const;

/** Not a reply: nothing is said, or the connection is cut. */
type Misbehaviour = 'silence' | 'cut';

interface Answer {
  readonly code: number;
  readonly text: string;
}

/** By local part: the answer to RCPT. Three digits stand for that reply code. */
const MAGIC: Readonly<Record<string, ((address: string) => Reply) | Misbehaviour>> = {
  unknown: replies.unknownRecipient,
  permerror: () => replies.refused('5.1.1', 'Permanent error, as asked for', 'unknown_rcpt'),
  temperror: () => replies.fault(),
  timeout: 'silence',
  close: 'cut',
};
const CODE = /^[45]\d\d$/;
const AFTER_CONTENT = /^data-([45]\d\d|timeout)$/;

export function answerToRcpt(address: string): Answer | Misbehaviour | undefined {
  const local = localPart(address);
  if (CODE.test(local)) return asAskedFor(local);
  if (!Object.hasOwn(MAGIC, local)) return undefined;
  const magic = MAGIC[local];
  if (typeof magic !== 'function') return magic;
  const reply = magic(address);
  return { code: reply.code, text: reply.lines.join(' ') };
}

/** Of several magic recipients the first decides: there is one answer to the content. */
export function answerToContent(recipients: readonly string[]): Answer | 'silence' | undefined {
  for (const address of recipients) {
    const wanted = AFTER_CONTENT.exec(localPart(address))?.[1];
    if (wanted !== undefined) return wanted === 'timeout' ? 'silence' : asAskedFor(wanted);
  }
  return undefined;
}

function localPart(address: string): string {
  return address.slice(0, address.lastIndexOf('@')).toLowerCase();
}

function asAskedFor(code: string): Answer {
  return { code: Number(code), text: `${code} as asked for` };
}
