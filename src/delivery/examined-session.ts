/**
 * One connection of an examination: opened for itself, not from the pool, with the time of each step
 * taken. What goes wrong is a value. Never more than eight refused recipients go over one, for
 * Postfix slows a client down after ten errors and an examination must not make what it looks for.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError, errorText } from '../base/errors.ts';
import type { DestinationHost } from '../directory/domain.ts';
import type { Address, ReversePath } from '../mail/address.ts';
import { needsSmtpUtf8 } from '../mail/address.ts';
import type { Content } from '../mail/content.ts';
import { replyText } from '../mail/outcome.ts';
import type { Reply } from '../mail/reply.ts';
import { isPositive } from '../mail/reply.ts';
import { SmtpClient } from '../smtp/client.ts';
import { CLIENT_DEADLINES } from '../smtp/client-deadlines.ts';

export const MAX_REFUSED = 8;

/** How long each step took, over all connections of an examination. */
export type Samples = Record<'banner' | 'ehlo' | 'mail' | 'rcpt', number[]>;

export interface SessionOptions {
  readonly hostname: string;
  readonly clock: Clock;
  readonly tls: 'opportunistic' | 'required' | 'off';
  readonly samples: Samples;
}

export type Opened =
  | { readonly ok: true; readonly session: ExaminedSession }
  | { readonly ok: false; readonly text: string; readonly reply?: Reply };

export class ExaminedSession {
  readonly client: SmtpClient;
  /** What it offers, word for word. */
  readonly offers: readonly string[];
  /** Why there is no TLS, where there might have been. */
  readonly tlsFault: string | undefined;
  readonly #options: SessionOptions;

  private constructor(
    client: SmtpClient,
    options: SessionOptions,
    found: { offers: readonly string[]; tlsFault: string | undefined },
  ) {
    this.client = client;
    this.offers = found.offers;
    this.tlsFault = found.tlsFault;
    this.#options = options;
  }

  static async open(
    { host, port }: DestinationHost,
    options: SessionOptions,
    signal: AbortSignal,
  ): Promise<Opened> {
    const { clock, samples, hostname, tls } = options;
    const client = new SmtpClient({ host, port, clock, deadlines: CLIENT_DEADLINES });
    const onAbort = () => client.close();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const greeting = await timed(clock, samples.banner, () => client.greeting());
      if (!isPositive(greeting)) return refused(client, greeting);
      const hello = await timed(clock, samples.ehlo, () => client.ehlo(hostname));
      if (!isPositive(hello)) return refused(client, hello);
      const offers = hello.lines.slice(1);
      const tlsFault =
        tls === 'off' ? 'turned off for this destination' : await secure(client, hostname);
      return { ok: true, session: new ExaminedSession(client, options, { offers, tlsFault }) };
    } catch (error) {
      client.close();
      return { ok: false, text: errorText(error) };
    }
  }

  get lost(): CodedError | undefined {
    return this.client.lost;
  }

  async mail(reversePath: ReversePath): Promise<Reply | undefined> {
    const { clock, samples } = this.#options;
    return this.#call(() => timed(clock, samples.mail, () => this.client.mail(reversePath, {})));
  }

  /** Undefined when it was lost, or is worn out. */
  async rcpt(address: Address): Promise<Reply | undefined> {
    if (this.client.refusals >= MAX_REFUSED || needsSmtpUtf8(address)) return undefined;
    const { clock, samples } = this.#options;
    const recipient = { address, parameters: {} };
    return this.#call(() => timed(clock, samples.rcpt, () => this.client.rcpt(recipient)));
  }

  async reset(): Promise<void> {
    await this.#call(() => this.client.rset());
  }

  /** The final reply to a whole message. */
  async send(from: ReversePath, to: Address, content: Content, finalMs: number) {
    const mail = await this.mail(from);
    if (mail === undefined || !isPositive(mail)) return mail;
    const rcpt = await this.rcpt(to);
    if (rcpt === undefined || !isPositive(rcpt)) return rcpt;
    const data = await this.#call(() => this.client.data());
    if (data === undefined || !isPositive(data)) return data;
    return this.#call(() => this.client.content(content, finalMs));
  }

  leave(): void {
    void this.client.quit();
  }

  /** A call rejects only when the connection is lost, which `lost` says. */
  async #call(step: () => Promise<Reply>): Promise<Reply | undefined> {
    try {
      return await step();
    } catch (error) {
      if (error instanceof CodedError) return undefined;
      throw error;
    }
  }
}

/** Why it stays in plaintext; undefined with TLS. */
async function secure(client: SmtpClient, hostname: string): Promise<string | undefined> {
  if (!client.offers.startTls) return 'STARTTLS is not offered';
  const reply = await client.startTls();
  if (!isPositive(reply)) return `STARTTLS: ${replyText(reply)}`;
  const hello = await client.ehlo(hostname);
  return isPositive(hello) ? undefined : `EHLO after STARTTLS: ${replyText(hello)}`;
}

function refused(client: SmtpClient, reply: Reply): Opened {
  void client.quit();
  return { ok: false, text: replyText(reply), reply };
}

async function timed<T>(clock: Clock, into: number[], step: () => Promise<T>): Promise<T> {
  const startedAt = clock.mono();
  const value = await step();
  into.push(Math.round(clock.mono() - startedAt));
  return value;
}
