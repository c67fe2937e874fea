/**
 * One message over one connection: envelope, content, final reply, and what they mean for each
 * recipient. Temporary or permanent is decided here, once. Nothing is ever counted as delivered
 * without the peer's word, and what happened after the final dot without one is marked as doubt.
 */
import { CodedError } from '../base/errors.ts';
import type { Content } from '../mail/content.ts';
import type { Envelope, Recipient } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';
import { outcomeOf, replyText } from '../mail/outcome.ts';
import type { Reply } from '../mail/reply.ts';
import {
  isClosing,
  isOfConversation,
  isPositive,
  isTemporary,
  isTooManyRecipients,
  replies,
} from '../mail/reply.ts';
import type { SmtpClient } from '../smtp/client.ts';
import { exchangeEnvelope } from './envelope-exchange.ts';
import type { Answers } from './envelope-exchange.ts';
import { isTooLarge, TOO_LARGE } from './size-limit.ts';
import { askable, NO_UTF8 } from './smtp-utf8.ts';

export interface Transaction {
  /** One per recipient, in order. */
  readonly outcomes: readonly Outcome[];
  /** The final reply, when there was one. */
  readonly reply?: Reply;
  /** A reply that put us off as a whole: to MAIL, DATA or the final dot, or to anything one of the connection. */
  readonly temporary?: Reply;
  /** The connection was lost before it was through. */
  readonly lost?: CodedError;
  /** How far it got: another host may take it as long as nothing of the content went out. */
  readonly reached: 'nothing' | 'mail' | 'content';
}

export interface Message {
  readonly envelope: Envelope;
  readonly content: Content;
  readonly finalReplyTimeoutMs: number;
  /** Asked right before the final dot: whether the message is still ours to deliver. */
  readonly mayFinish?: (() => boolean) | undefined;
  /** Called when the answers to the envelope are there. */
  readonly onAnswered?: () => void;
}

export async function runTransaction(client: SmtpClient, message: Message): Promise<Transaction> {
  const transaction = await run(client, message);
  const { temporary } = transaction;
  // Out of step, or without a login that it wants: what follows on it would fare no better.
  if (temporary !== undefined && !isTemporary(temporary))
    client.close(new CodedError('PEER_PROTOCOL', 'the conversation failed'));
  return transaction;
}

async function run(client: SmtpClient, message: Message): Promise<Transaction> {
  const { envelope, content } = message;
  if (isTooLarge(client.offers, content)) {
    return { outcomes: envelope.recipients.map(() => TOO_LARGE), reached: 'nothing' };
  }
  const recipients = askable(client.offers, envelope);
  const merge = (outcomes: readonly Outcome[]) => withUnasked(envelope, recipients, outcomes);
  if (recipients.length === 0) return { outcomes: merge([]), reached: 'nothing' };

  const { reversePath, parameters } = envelope;
  const answers = await exchangeEnvelope(client, {
    envelope: { reversePath, parameters, recipients },
    contentBytes: content.sizeBytes,
  });
  message.onAnswered?.();
  const judged = judge(answers, client);
  if (!judged.mayGoOn) {
    if (answers.data !== undefined && isPositive(answers.data)) await endWithout(client);
    return { ...judged.transaction, outcomes: merge(judged.transaction.outcomes) };
  }
  const taken = answers.rcpts.filter((reply) => reply !== undefined && isPositive(reply));
  const sent = await sendContent(client, message, taken.length === 1 ? 'alone' : 'together');
  const outcomes = answers.rcpts.map((reply) =>
    reply === undefined || !isPositive(reply) ? rcptOutcome(reply, client) : sent.outcome,
  );
  return { ...sent.transaction, outcomes: merge(outcomes) };
}

/** One for each recipient of the envelope, from those of the recipients that were asked about. */
function withUnasked(
  { recipients }: Envelope,
  asked: readonly Recipient[],
  outcomes: readonly Outcome[],
): readonly Outcome[] {
  if (asked.length === recipients.length) return recipients.map((_, at) => outcomes[at] ?? LOST);
  const isAsked = new Set(asked);
  const left = outcomes.values();
  return recipients.map((recipient) =>
    isAsked.has(recipient) ? (left.next().value ?? LOST) : NO_UTF8,
  );
}

/** Stands in where an answer is missing for reasons that cannot be. */
const LOST: Outcome = { kind: 'deferred', text: 'no answer' };

/** What the answers to the envelope mean; `mayGoOn` when content can follow. */
function judge(
  answers: Answers,
  client: SmtpClient,
): { mayGoOn: true } | { mayGoOn: false; transaction: Transaction } {
  const { mail, rcpts, data, lost } = answers;
  const reached = mail === undefined ? 'nothing' : 'mail';
  const taken = rcpts.some((reply) => reply !== undefined && isPositive(reply));
  if (mail !== undefined && !isPositive(mail)) {
    const outcomes = rcpts.map(() => outcomeOf(mail));
    return stop({ outcomes, reached, ...putOff(mail), ...broken(lost) });
  }
  if (lost === undefined && taken && data !== undefined && isPositive(data))
    return { mayGoOn: true };
  // A 354 is no outcome: when the connection was lost with it, nothing of the content went out.
  const refusal = data !== undefined && !isPositive(data) ? data : undefined;
  const outcomes = rcpts.map((reply) =>
    reply !== undefined && isPositive(reply) && refusal !== undefined
      ? outcomeOf(refusal)
      : rcptOutcome(reply, client, mail === undefined),
  );
  const ending = rcpts.find((reply) => reply !== undefined && isAboutConnection(reply));
  // With no recipient taken, what the peer says to DATA is about that and nothing else.
  const decisive = taken ? (data ?? ending) : ending;
  return stop({ outcomes, reached, ...putOff(decisive), ...broken(lost) });
}

function stop(transaction: Transaction): { mayGoOn: false; transaction: Transaction } {
  return { mayGoOn: false, transaction };
}

/** The outcome of a recipient that was refused, or that nothing final was said about. */
function rcptOutcome(reply: Reply | undefined, client: SmtpClient, silent = false): Outcome {
  if (reply === undefined || isPositive(reply)) {
    const text = client.lost?.message ?? 'no answer';
    const unreachable = silent && client.lost !== undefined && isPeerFault(client.lost);
    return { kind: 'deferred', text, ...(unreachable && { unreachable }) };
  }
  if (isTooManyRecipients(reply)) return { kind: 'deferred', reply, text: replyText(reply) };
  return outcomeOf(reply);
}

async function sendContent(
  client: SmtpClient,
  { content, finalReplyTimeoutMs, mayFinish }: Message,
  company: 'alone' | 'together',
): Promise<{ outcome: Outcome; transaction: Omit<Transaction, 'outcomes'> }> {
  try {
    const reply = await client.content(content, finalReplyTimeoutMs, mayFinish);
    return {
      outcome: finalOutcome(reply, company),
      transaction: {
        reply,
        reached: 'content',
        ...putOff(reply, 'content'),
        ...broken(client.lost),
      },
    };
  } catch {
    // A call rejects only when the connection is lost, and the client says why.
    const lost = client.lost;
    const text = lost?.message ?? 'connection lost';
    const maybeDelivered = client.contentSent === 'whole';
    const reached = client.contentSent === 'nothing' ? 'mail' : 'content';
    if (lost?.code === 'CONTENT_UNFIT') {
      const outcome: Outcome = { kind: 'failed', reply: replies.bareLineEndInContent() };
      return { outcome, transaction: { reached: 'content', lost } };
    }
    const outcome: Outcome = { kind: 'deferred', text, ...(maybeDelivered && { maybeDelivered }) };
    return { outcome, transaction: { reached, ...broken(lost) } };
  }
}

function finalOutcome(reply: Reply, company: 'alone' | 'together'): Outcome {
  const outcome = outcomeOf(reply, 'content');
  return outcome.kind === 'failed' ? { ...outcome, afterContent: company } : outcome;
}

/** Whether losing the connection says something about the destination, or only about us. */
export function isPeerFault(error: CodedError): boolean {
  return error.code.startsWith('PEER_') || error.code === 'DEADLINE';
}

/** RFC 2920 3.1: a 354 that came although nobody was taken is answered by the dot alone. */
async function endWithout(client: SmtpClient): Promise<void> {
  try {
    await client.noContent();
  } catch {
    // The connection is lost; there was nothing left to say on it.
  }
}

function putOff(
  reply: Reply | undefined,
  phase: 'commands' | 'content' = 'commands',
): { temporary?: Reply } {
  const isPutOff = reply !== undefined && (isTemporary(reply) || isOfConversation(reply, phase));
  return isPutOff ? { temporary: reply } : {};
}

function isAboutConnection(reply: Reply): boolean {
  return isClosing(reply) || isOfConversation(reply, 'commands');
}

function broken(lost: CodedError | undefined): { lost?: CodedError } {
  return lost === undefined ? {} : { lost };
}
