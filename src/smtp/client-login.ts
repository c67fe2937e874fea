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
  const response = base64(`\0${user}\0${password}`);
  const secrets = [password, base64(password), response];
  if (mechanisms.includes('PLAIN')) return steps(client, plain(response), secrets);
  if (mechanisms.includes('LOGIN')) {
    return steps(client, ['AUTH LOGIN', base64(user), base64(password)], secrets);
  }
  throw new CodedError('AUTH_FAILED', 'neither AUTH PLAIN nor AUTH LOGIN is offered');
}

function plain(response: string): readonly string[] {
  const line = `AUTH PLAIN ${response}`;
  return line.length <= MAX_LINE ? [line] : ['AUTH PLAIN', response];
}

/** Each line but the last is answered with 334. */
async function steps(
  client: SmtpClient,
  lines: readonly string[],
  secrets: readonly string[],
): Promise<Reply | undefined> {
  for (const [index, line] of lines.entries()) {
    const isLast = index === lines.length - 1;
    const reply = await client.sasl(line, isLast ? 'completion' : 'intermediate', secrets);
    if (!isPositive(reply)) return reply;
  }
  return undefined;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
