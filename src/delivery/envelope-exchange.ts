/**
 * MAIL, RCPT and, if wanted, DATA to a peer: in one write when it offers PIPELINING, one by one when
 * not, with RSET in front on a connection that was left amid a transaction. Collects the answers;
 * when the connection is lost, those that came before stay. But of a peer that was out of step no
 * refusal counts: with a reply too many, left over from the message before, each answer is that of
 * another command, and an innocent message would pay for it. Never rejects, judges nothing.
 */
import type { CodedError } from '../base/errors.ts';
import type { Envelope } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import { isPositive } from '../mail/reply.ts';
import type { SmtpClient } from '../smtp/client.ts';

export interface Answers {
  readonly mail: Reply | undefined;
  /** One per recipient, in order; undefined when it was not asked or not answered. */
  readonly rcpts: readonly (Reply | undefined)[];
  readonly data: Reply | undefined;
  /** The connection is gone by now, whatever was answered. */
  readonly lost: CodedError | undefined;
}

export interface Exchange {
  readonly envelope: Envelope;
  /** Present when DATA shall follow: the size of the content. */
  readonly contentBytes?: number;
}

export async function exchangeEnvelope(client: SmtpClient, exchange: Exchange): Promise<Answers> {
  const answers = await (client.offers.pipelining
    ? inOneWrite(client, exchange)
    : oneByOne(client, exchange));
  const { mail, rcpts, data, lost } = answers;
  if (lost?.code !== 'PEER_OUT_OF_STEP') return answers;
  return { mail: ifTaken(mail), rcpts: rcpts.map(ifTaken), data: ifTaken(data), lost };
}

function ifTaken(reply: Reply | undefined): Reply | undefined {
  return reply !== undefined && isPositive(reply) ? reply : undefined;
}

async function inOneWrite(client: SmtpClient, exchange: Exchange): Promise<Answers> {
  const { envelope, contentBytes } = exchange;
  const calls: Promise<Reply>[] = [];
  const skip = client.inTransaction ? calls.push(client.rset()) : 0;
  calls.push(client.mail(envelope.reversePath, envelope.parameters, contentBytes));
  for (const recipient of envelope.recipients) calls.push(client.rcpt(recipient));
  if (contentBytes !== undefined) calls.push(client.data());
  const results = await Promise.allSettled(calls);
  const replies = results.map((result) =>
    result.status === 'fulfilled' ? result.value : undefined,
  );
  const firstRcpt = skip + 1;
  const afterRcpts = firstRcpt + envelope.recipients.length;
  return {
    mail: replies[skip],
    rcpts: replies.slice(firstRcpt, afterRcpts),
    data: replies[afterRcpts],
    lost: client.lost,
  };
}

async function oneByOne(client: SmtpClient, exchange: Exchange): Promise<Answers> {
  const { envelope, contentBytes } = exchange;
  let mail: Reply | undefined;
  let data: Reply | undefined;
  const rcpts: (Reply | undefined)[] = envelope.recipients.map(() => undefined);
  try {
    if (client.inTransaction) await client.rset();
    mail = await client.mail(envelope.reversePath, envelope.parameters, contentBytes);
    if (isPositive(mail)) {
      for (const [index, recipient] of envelope.recipients.entries()) {
        rcpts[index] = await client.rcpt(recipient);
      }
      const anyTaken = rcpts.some((reply) => reply !== undefined && isPositive(reply));
      if (anyTaken && contentBytes !== undefined) data = await client.data();
    }
  } catch {
    // A call rejects only when the connection is lost, which the answers say.
  }
  return { mail, rcpts, data, lost: client.lost };
}
