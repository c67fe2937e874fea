/**
 * An SMTP client as an open transaction object: each command is a call that resolves with its reply.
 * Replies meet their commands in order, so pipelining (RFC 2920) is only a question of when one
 * calls: commands of one turn of the event loop leave in one write.
 *
 * Promises: every call has a deadline; content is never ended by a dot unless all of it was sent.
 * It decides nothing: which hosts, when to try again and what a reply means is for others.
 */
import { CodedError, errorText } from '../base/errors.ts';
import type { ReversePath } from '../mail/address.ts';
import type { Content } from '../mail/content.ts';
import type { MailParameters, Recipient } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import { isPositive } from '../mail/reply.ts';
import { mailCommand, NO_OFFERS, offersOf, rcptCommand } from './client-commands.ts';
import type { Offers } from './client-commands.ts';
import { ClientConnection } from './client-connection.ts';
import type { ConnectionOptions, Expected } from './client-connection.ts';
import { DotStuffer } from './client-content.ts';
import type { ClientDeadlines } from './client-deadlines.ts';

/** What of content's trouble is told as it is; anything else is content that cannot be read. */
const OWN_ERRORS: ReadonlySet<string> = new Set(['CONTENT_UNFIT', 'STOPPING']);
const ALWAYS = () => true;
/** Content in memory up to this size leaves in one write, together with the final dot. */
const ONE_WRITE_BYTES = 256 * 1024;
// oxlint-disable-next-line no-control-regex -- control characters are what must not go out
const CONTROL = /[\x00-\x1f\x7f]/;

export class SmtpClient {
  readonly host: string;
  readonly port: number;
  /** By the monotonic clock. */
  readonly openedAt: number;
  offers: Offers = NO_OFFERS;
  /** Transactions begun here. */
  transactions = 0;
  /** Recipients refused here since the last delivery: servers count them, then tarpit. */
  refusals = 0;
  /** A transaction was begun and neither ended nor reset. */
  inTransaction = false;
  /** How much of this transaction's content went out. */
  contentSent: 'nothing' | 'part' | 'whole' = 'nothing';

  /** Which of our addresses was chosen for it. */
  source: string | undefined;
  /** The client that the peer takes us for, by XCLIENT. */
  speaksFor: string | undefined;

  readonly #connection: ClientConnection;
  readonly #deadlines: ClientDeadlines;

  /** Starts to connect; `greeting` is to be called at once. */
  constructor(options: ConnectionOptions) {
    this.host = options.host;
    this.port = options.port;
    this.openedAt = options.clock.mono();
    this.#deadlines = options.deadlines;
    this.#connection = new ClientConnection(options);
  }

  /** The peer's address once connected. */
  get address(): string | undefined {
    return this.#connection.address;
  }

  /** `TLSv1.3`, or `-` for plaintext. */
  get tls(): string {
    return this.#connection.tls;
  }

  /** The peer is the host that was meant; said by an authority that the system trusts. */
  get isVerified(): boolean {
    return this.#connection.isVerified;
  }

  /** Why the connection is of no use any more, or undefined while it is. */
  get lost(): CodedError | undefined {
    return this.#connection.lost;
  }

  /** Has `fn` called when the connection is lost or closed, in place of an earlier one. */
  whenLost(fn: (() => void) | undefined): void {
    this.#connection.onLost = fn;
  }

  greeting(): Promise<Reply> {
    return this.#connection.expect('greeting', this.#deadlines.connectMs);
  }

  async ehlo(name: string): Promise<Reply> {
    const reply = await this.#command(`EHLO ${name}`, this.#deadlines.helloMs);
    if (isPositive(reply)) this.offers = offersOf(reply);
    return reply;
  }

  helo(name: string): Promise<Reply> {
    return this.#command(`HELO ${name}`, this.#deadlines.helloMs);
  }

  /** Asks for TLS and shakes hands; the certificate is looked at (`isVerified`), never refused. EHLO must be said anew. */
  async startTls(): Promise<Reply> {
    const reply = await this.#command('STARTTLS', this.#deadlines.helloMs, 'handshake');
    if (!isPositive(reply)) return reply;
    this.offers = NO_OFFERS; // RFC 3207 4.2: what was learnt before is forgotten
    return this.#connection.handshake(reply);
  }

  /** `sizeBytes` is that of the content, if there will be any. */
  mail(reversePath: ReversePath, parameters: MailParameters, sizeBytes?: number): Promise<Reply> {
    this.transactions += 1;
    this.inTransaction = true;
    this.contentSent = 'nothing';
    const command = mailCommand(reversePath, parameters, sizeBytes, this.offers);
    return this.#command(command, this.#deadlines.mailMs, 'mail');
  }

  async rcpt(recipient: Recipient): Promise<Reply> {
    const command = rcptCommand(recipient, this.offers);
    const reply = await this.#command(command, this.#deadlines.rcptMs, 'mail');
    if (!isPositive(reply)) this.refusals += 1;
    return reply;
  }

  data(): Promise<Reply> {
    return this.#command('DATA', this.#deadlines.dataMs, 'intermediate');
  }

  /**
   * After 354: sends the content and the final dot; the reply is the final one. Without leave to
   * finish the connection ends before the dot, so the peer has no message.
   */
  async content(
    content: Content,
    finalReplyMs: number,
    mayFinish: () => boolean = ALWAYS,
  ): Promise<Reply> {
    const { chunks, sizeBytes } = content;
    if (this.lost !== undefined) throw this.lost;
    const reply = await (chunks === undefined || sizeBytes > ONE_WRITE_BYTES
      ? this.#stream(content, finalReplyMs, mayFinish)
      : this.#sendAtOnce(chunks, finalReplyMs, mayFinish));
    this.inTransaction = false;
    if (isPositive(reply)) this.refusals = 0;
    return reply;
  }

  /** Ends a 354 that came although no recipient was taken (RFC 2920 3.1); loses a slow peer. */
  async noContent(): Promise<Reply> {
    const reply = await this.#command('.', this.#deadlines.emptyMs);
    this.inTransaction = false;
    return reply;
  }

  async rset(): Promise<Reply> {
    this.inTransaction = false;
    const reply = await this.#command('RSET', this.#deadlines.resetMs);
    // A server that knows no RSET is left amid a transaction: nothing can follow.
    if (!isPositive(reply)) this.close(new CodedError('PEER_PROTOCOL', 'RSET was refused'));
    return reply;
  }

  noop(): Promise<Reply> {
    return this.#command('NOOP', this.#deadlines.resetMs);
  }

  /** Sends XCLIENT; when it is taken EHLO must be said anew, as in a new session. */
  async xclient(command: string): Promise<Reply> {
    const reply = await this.#command(command, this.#deadlines.helloMs);
    this.offers = isPositive(reply) ? NO_OFFERS : { ...this.offers, xclient: [] };
    return reply;
  }

  /** One line of a login; no text repeats the secrets, not even one of the server. */
  sasl(line: string, expects: Expected, secrets: readonly string[]): Promise<Reply> {
    const reply = this.#connection.expect('AUTH', this.#deadlines.helloMs, expects, secrets);
    this.#connection.send(line);
    return reply;
  }

  /** Says goodbye and needs no further care; resolves when the peer has no connection any more. */
  quit(): Promise<void> {
    return this.#connection.leave();
  }

  /** Ends the connection at once; open calls reject with `reason`. */
  close(reason = new CodedError('STOPPING', 'connection closed by us')): void {
    this.#connection.close(reason);
  }

  #command(line: string, ms: number, expects?: Expected): Promise<Reply> {
    // Addresses and parameters were parsed strictly; this holds even if that is wrong one day.
    if (CONTROL.test(line)) {
      this.close(new CodedError('CONTENT_UNFIT', 'control character in a command'));
    }
    const reply = this.#connection.expect(line.slice(0, 4), ms, expects);
    this.#connection.send(line);
    return reply;
  }

  #sendAtOnce(
    chunks: readonly Uint8Array[],
    finalReplyMs: number,
    mayFinish: () => boolean,
  ): Promise<Reply> {
    const reply = this.#connection.expect('final reply', finalReplyMs, 'mail');
    try {
      const stuffer = new DotStuffer();
      const pieces = chunks.map((chunk) => stuffer.stuff(chunk));
      pieces.push(stuffer.end());
      if (!mayFinish()) throw notOurs();
      this.contentSent = 'whole';
      this.#connection.write(pieces);
    } catch (error) {
      // Nothing of it went out, and without a dot the peer drops the transaction.
      this.#connection.close(asContentError(error));
    }
    return reply;
  }

  async #stream(content: Content, finalReplyMs: number, mayFinish: () => boolean): Promise<Reply> {
    const connection = this.#connection;
    const reply = connection.expect('content', finalReplyMs, 'refusal');
    // It may reject while a chunk is awaited; whoever called hears of it at the end.
    reply.catch(() => undefined);
    try {
      const stuffer = new DotStuffer();
      this.contentSent = 'part';
      for await (const chunk of content.chunks ?? content.read()) {
        await connection.writeBlock(stuffer.stuff(chunk));
        if (connection.lost !== undefined) return await reply;
      }
      const end = stuffer.end();
      if (!mayFinish()) throw notOurs();
      this.contentSent = 'whole';
      connection.expectFinal(finalReplyMs);
      connection.write([end]);
    } catch (error) {
      connection.close(asContentError(error));
    }
    return reply;
  }
}

function notOurs(): CodedError {
  return new CodedError('STOPPING', 'the message is not ours to deliver any more');
}

function asContentError(error: unknown): CodedError {
  const isOwn = error instanceof CodedError && OWN_ERRORS.has(error.code);
  if (isOwn) return error;
  const text = `content could not be read back: ${errorText(error)}`;
  return new CodedError('CONTENT_UNREADABLE', text, { cause: error });
}
