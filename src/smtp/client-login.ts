/**
 * The login of a client at a server that relays for those it knows (RFC 4954): PLAIN, else LOGIN. The
 * password leaves only over the connection that it was meant for, and stands in no text.
 */
import { CodedError } from '../base/errors.ts';
import type { Reply } from '../mail/reply.ts';
import { isPositive } from '../mail/reply.ts';
import type { SmtpClient } from './client.ts';

export interface ClientLogin {
  readonly user: string;
  readonly password: string;
  /** What the connection must be: `verified` is TLS to the very host, as an authority says. */
  readonly over: 'verified' | 'tls' | 'plaintext';
}

/** RFC 4954 4: what fits into a command line may go with it. */
const MAX_LINE = 510;

/** Returns the refusal, if there was one; rejects when it must not or cannot be tried. */
export async function logIn(client: SmtpClient, login: ClientLogin): Promise<Reply | undefined> {
  const { user, password, over } = login;
  if (over !== 'plaintext' && client.tls === '-') {
    throw new CodedError('AUTH_FAILED', 'no TLS, so the password was not sent');
  }
  if (over === 'verified' && !client.isVerified) {
    const text = 'no trusted certificate of this host, so the password was not sent';
    throw new CodedError('AUTH_FAILED', text);
  }
  const { auth: mechanisms } = client.offers;
  if (mechanisms.includes('PLAIN')) return plain(client, `\0${user}\0${password}`);
  if (mechanisms.includes('LOGIN')) {
    return steps(client, ['AUTH LOGIN', base64(user), base64(password)]);
  }
  throw new CodedError('AUTH_FAILED', 'neither AUTH PLAIN nor AUTH LOGIN is offered');
}

function plain(client: SmtpClient, response: string): Promise<Reply | undefined> {
  const line = `AUTH PLAIN ${base64(response)}`;
  return steps(client, line.length <= MAX_LINE ? [line] : ['AUTH PLAIN', base64(response)]);
}

/** Each line but the last is answered with 334. */
async function steps(client: SmtpClient, lines: readonly string[]): Promise<Reply | undefined> {
  for (const [index, line] of lines.entries()) {
    const isLast = index === lines.length - 1;
    const reply = await client.sasl(line, isLast ? 'completion' : 'intermediate');
    if (!isPositive(reply)) return reply;
  }
  return undefined;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
