/**
 * A judged message as it leaves: our fields on top (seal, signature, Received, what filters add), and
 * cut out of it what only passes for ours, what has done its work, and a subject that is written anew.
 * What is kept because filters have still to judge it goes without seal and without their fields:
 * those come when they have.
 */
import type { Content } from '../mail/content.ts';
import type { HeaderCollector, HeaderField } from '../mail/header.ts';
import { headerFields } from '../mail/header.ts';
import { outgoingContent } from '../mail/outgoing-content.ts';
import { taggedSubject } from '../mail/subject-tag.ts';
import type { Cut } from '../mail/trace-fields.ts';
import { forgedFields } from '../mail/trace-fields.ts';
import type { Verdict } from '../mail/verdict.ts';
import { forwarderSeal } from './forwarder-seal.ts';
import type { Judgement } from './judge.ts';
import { fieldsText } from './judge.ts';
import type { OutgoingSignature, SignatureDeps } from './outgoing-signature.ts';
import type { Transaction } from './transaction.ts';

export interface JudgedContent {
  readonly content: Content;
  readonly header: Pick<HeaderCollector, 'bytes' | 'bodyStart' | 'isMissing'>;
  readonly fields: readonly HeaderField[];
  /** Fields that have done their work. */
  readonly removed: readonly HeaderField[];
  /** Our own Received field. */
  readonly received: string;
  /** Ours, when it has come without one. */
  readonly messageId: string | undefined;
  readonly signature: OutgoingSignature | undefined;
  readonly verdict: Verdict;
  readonly judgement: Exclude<Judgement, { kind: 'refuse' }>;
  /** Where it goes. */
  readonly lane: string;
  /** All filters have spoken. */
  readonly isJudged: boolean;
}

export interface LeavingContent {
  readonly content: Content;
  /** Of our fields on top. */
  readonly ownBytes: number;
}

/** Where the sender's content must not run into our last field. */
const EMPTY_LINE = '\r\n';

export async function leavingContent(
  deps: SignatureDeps,
  transaction: Transaction,
  mail: JudgedContent,
): Promise<LeavingContent> {
  const { content, fields, removed, received, verdict, isJudged, judgement } = mail;
  const { bytes: header, isMissing, bodyStart } = mail.header;
  const { hostname } = transaction.generation.settings;
  const forged = forgedFields(header, fields, hostname);
  // What our customers send goes out with the subject that they gave it.
  const mark = judgement.kind === 'clean' ? judgement.subjectTag : undefined;
  const isTagged = isJudged && mark !== undefined && transaction.direction === 'in';
  const tagged = isTagged ? taggedSubject(header, fields, mark) : undefined;
  const messageId = mail.messageId === undefined ? '' : `Message-ID: ${mail.messageId}\r\n`;
  const signature = mail.signature && (await signatureOf(mail.signature, mail, messageId));
  const cuts = [...without(forged, removed), ...removed, ...(tagged?.cuts ?? [])].toSorted(
    (a, b) => a.start - b.start,
  );
  const found = isJudged ? fieldsText(judgement, mail.lane) : '';
  const text = Buffer.from((signature ?? '') + received + found + messageId);
  const ours = tagged === undefined ? text : Buffer.concat([text, tagged.field]);
  const sealed = isJudged
    ? forwarderSeal(deps, transaction, {
        ...{ top: ours, header, cuts, content, verdict, isChanged: tagged !== undefined },
        bodyStart: isMissing ? 0 : (bodyStart ?? content.sizeBytes),
      })
    : undefined;
  const seal = sealed && (await sealed);
  const top =
    seal === undefined && !isMissing
      ? ours
      : Buffer.concat([Buffer.from(seal ?? ''), ours, Buffer.from(isMissing ? EMPTY_LINE : '')]);
  return { content: outgoingContent(top, content, cuts), ownBytes: top.length };
}

/** Of the header as it leaves: with the Message-ID that is ours, without what has done its work. */
function signatureOf(
  signature: OutgoingSignature,
  { header, fields, removed }: JudgedContent,
  messageId: string,
): Promise<string> {
  const kept = without(fields, removed);
  if (messageId === '') return signature.fields(header.bytes, kept);
  const { length } = header.bytes;
  const own = headerFields(Buffer.from(messageId)).map(({ name, start, valueStart, end }) => {
    return { name, start: length + start, valueStart: length + valueStart, end: length + end };
  });
  // Where it stands makes no difference to what is signed.
  const bytes = Buffer.concat([header.bytes, Buffer.from(messageId)]);
  return signature.fields(bytes, [...kept, ...own]);
}

/** No place of a message is cut out twice. */
function without<T extends { readonly start: number }>(all: readonly T[], others: readonly Cut[]) {
  if (others.length === 0) return all;
  const starts = new Set(others.map(({ start }) => start));
  return all.filter(({ start }) => !starts.has(start));
}
