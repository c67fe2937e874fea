/**
 * Opens an SMTP connection up to where a transaction may begin: connect, greeting, EHLO (HELO for
 * old servers), STARTTLS by policy, EHLO again, login. A refusal and a failure are values; it never
 * rejects. Opportunistic TLS takes any certificate, and when it fails, from STARTTLS to the end of the
 * handshake, the connection is made once more in plaintext: anybody on the way could have had that
 * without our help.
 */
import { CodedError } from '../base/errors.ts';
import type { Reply } from '../mail/reply.ts';
import { isPermanent, isPositive } from '../mail/reply.ts';
import { SmtpClient } from './client.ts';
import type { ClientLogin } from './client-login.ts';
import { logIn } from './client-login.ts';
import type { ConnectionOptions } from './client-connection.ts';

/** `opportunistic`: when offered, without demands. `required`: no mail without it. */
export type TlsPolicy = 'opportunistic' | 'required' | 'off';

export interface OpeningOptions extends ConnectionOptions {
  /** Our own name, said in EHLO. */
  readonly hostname: string;
  readonly tls: TlsPolicy;
  readonly login?: ClientLogin | undefined;
}

export type Opening =
  | { readonly kind: 'open'; readonly client: SmtpClient }
  /** The greeting, EHLO or the login was answered with a refusal. */
  | { readonly kind: 'refused'; readonly reply: Reply }
  | { readonly kind: 'failed'; readonly error: CodedError };

export async function openClient(options: OpeningOptions, signal?: AbortSignal): Promise<Opening> {
  const opening = await openOnce(options, options.tls, signal);
  const tlsFailed = opening.kind === 'failed' && opening.error.code === 'TLS_FAILED';
  if (!tlsFailed || options.tls !== 'opportunistic' || signal?.aborted === true) return opening;
  return openOnce(options, 'off', signal);
}

async function openOnce(
  options: OpeningOptions,
  tls: TlsPolicy,
  signal: AbortSignal | undefined,
): Promise<Opening> {
  if (signal?.aborted === true) return { kind: 'failed', error: gaveUp(signal) };
  const client = new SmtpClient(options);
  const onAbort = () => client.close(gaveUp(signal));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const { hostname, login } = options;
    const refusal =
      (await introduce(client, hostname, tls)) ?? (login && (await logIn(client, login)));
    if (refusal === undefined) return { kind: 'open', client };
    void client.quit();
    return { kind: 'refused', reply: refusal };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    client.close(error);
    return { kind: 'failed', error };
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Returns the refusal, if there was one. */
async function introduce(
  client: SmtpClient,
  hostname: string,
  tls: TlsPolicy,
): Promise<Reply | undefined> {
  const greeting = await client.greeting();
  if (!isPositive(greeting)) return greeting;
  const refusal = await hello(client, hostname);
  if (refusal !== undefined || tls === 'off') return refusal;
  if (client.offers.startTls) {
    const reply = await startTls(client);
    if (isPositive(reply)) return hello(client, hostname);
  }
  if (tls === 'required') throw new CodedError('TLS_FAILED', 'TLS is required and not offered');
  return undefined;
}

/** A connection that STARTTLS has cost is a failure of TLS, whatever the server said or did. */
async function startTls(client: SmtpClient): Promise<Reply> {
  try {
    const reply = await client.startTls();
    if (client.lost === undefined) return reply;
    throw client.lost;
  } catch (error) {
    if (!(error instanceof CodedError) || error.code === 'STOPPING') throw error;
    throw new CodedError('TLS_FAILED', error.message, { cause: error });
  }
}

async function hello(client: SmtpClient, hostname: string): Promise<Reply | undefined> {
  const reply = await client.ehlo(hostname);
  if (isPositive(reply)) return undefined;
  if (!isPermanent(reply)) return reply;
  // RFC 5321 3.2: a server without EHLO is asked by HELO.
  const plain = await client.helo(hostname);
  return isPositive(plain) ? undefined : plain;
}

function gaveUp(signal: AbortSignal | undefined): CodedError {
  const reason: unknown = signal?.reason;
  return reason instanceof CodedError ? reason : new CodedError('STOPPING', 'given up by us');
}
