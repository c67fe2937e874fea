/**
 * The wire below an SMTP client: one socket, the replies that come in and the calls that wait for
 * them, first come first served. What is sent in one turn of the event loop leaves at its end, in as
 * few segments as can be, whatever the peer has taken so far: pipelined commands together (RFC 2920),
 * and many connections at once, so that a peer that one of them wakes finds the others there.
 * One moving deadline covers connect, each reply, the TLS handshake
 * and each block of content. When the connection is lost all open calls reject with the reason;
 * what was answered before stays answered. Knows no command but STARTTLS's handshake.
 */
import type { Socket } from 'node:net';
import { connect as connectSocket, isIP } from 'node:net';
import { checkServerIdentity, connect as connectTls, createSecureContext } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import type { ErrorCode } from '../base/errors.ts';
import { CodedError, errorText } from '../base/errors.ts';
import { MovingDeadline } from '../base/moving-deadline.ts';
import { replyText } from '../mail/outcome.ts';
import type { Reply } from '../mail/reply.ts';
import { isClosing, isIntermediate, isOfConnection, isPositive } from '../mail/reply.ts';
import type { ClientDeadlines } from './client-deadlines.ts';
import { ReplyReader } from './reply-reader.ts';
import { socketFaultText } from './socket-fault.ts';

export interface ConnectionOptions {
  readonly host: string;
  /** Connect here; `host` is then its name and nothing more. */
  readonly address?: string | undefined;
  readonly port: number;
  readonly clock: Clock;
  readonly deadlines: ClientDeadlines;
  readonly localAddress?: string | undefined;
}

/**
 * What a call waits for, besides a refusal. `mail`: that mail or a recipient is taken; `refusal`: the
 * content goes on, and nothing else may come.
 */
export type Expected = 'completion' | 'mail' | 'intermediate' | 'handshake' | 'refusal';

interface Waiter {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: CodedError) => void;
  readonly ms: number;
  /** The command or phase, for texts. */
  what: string;
  expects: Expected;
  /** What was sent and the answer must not repeat. */
  readonly secrets: readonly string[];
}

type Stage = 'connecting' | 'open' | 'handshake' | 'leaving' | 'lost';

/** A host name with dead addresses among living ones must not eat up the connect deadline. */
const ADDRESS_ATTEMPT_MS = 4_000;
/** A peer that finds our end and our next connection in one turn counts both. */
const NOTICED_MS = 10;
/** For all connections, since making one costs as much as a handshake. */
const TLS = createSecureContext();

export class ClientConnection {
  /** The peer's address once connected. */
  address: string | undefined;
  /** `TLSv1.3`, or `-` for plaintext. */
  tls = '-';
  /** An authority that the system trusts says that the peer is `host`. */
  isVerified = false;
  /** Why it is of no use any more. */
  lost: CodedError | undefined;
  /** Called once when it is lost or closed. */
  onLost: (() => void) | undefined;

  readonly #host: string;
  readonly #clock: Clock;
  readonly #deadlines: ClientDeadlines;
  readonly #deadline: MovingDeadline;
  readonly #reader = new ReplyReader((reply) => this.#take(reply));
  readonly #waiters: Waiter[] = [];
  #socket: Socket;
  #stage: Stage = 'connecting';
  #drained: (() => void) | undefined;
  /** Commands of this turn. */
  #unsent = '';
  #isGathering = false;

  /** Starts to connect; the greeting is to be expected at once. */
  constructor(options: ConnectionOptions) {
    this.#host = options.host;
    this.#clock = options.clock;
    this.#deadlines = options.deadlines;
    this.#deadline = new MovingDeadline(options.clock, () => this.#expire());
    this.#socket = connectSocket({
      host: options.address ?? options.host,
      port: options.port,
      noDelay: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
      ...(options.localAddress !== undefined && { localAddress: options.localAddress }),
    });
    this.#socket.once('connect', () => {
      this.#stage = 'open';
      this.address = this.#socket.remoteAddress;
      this.#deadline.set(this.#deadlines.greetingMs);
    });
    this.#attach(this.#socket);
  }

  /** The next reply that no other call waits for. */
  expect(
    what: string,
    ms: number,
    expects: Expected = 'completion',
    secrets: readonly string[] = [],
  ): Promise<Reply> {
    if (this.lost !== undefined) return Promise.reject(this.lost);
    if (this.#waiters.length === 0) this.#deadline.set(ms);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ what, ms, expects, secrets, resolve, reject });
    });
  }

  /** The content is out: from now on its final reply may be anything. */
  expectFinal(ms: number): void {
    const waiter = this.#waiters[0];
    if (waiter !== undefined) {
      waiter.what = 'final reply';
      waiter.expects = 'mail';
    }
    this.#deadline.set(ms);
  }

  /** Sends one command line. */
  send(line: string): void {
    if (this.lost !== undefined) return;
    this.#gather();
    this.#unsent += `${line}\r\n`;
  }

  write(pieces: readonly Uint8Array[]): void {
    if (this.lost !== undefined) return;
    this.#gather();
    this.#sendCommands();
    for (const piece of pieces) this.#socket.write(piece);
  }

  /** Sends a block; resolves when the peer has taken enough to go on, or the connection is lost. */
  async writeBlock(bytes: Uint8Array): Promise<void> {
    if (this.lost !== undefined) return;
    this.#deadline.set(this.#deadlines.blockMs);
    this.#sendCommands();
    if (this.#socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    this.#drained = undefined;
  }

  /** Shakes hands after the peer's answer to STARTTLS, which becomes the answer to the handshake. */
  handshake(reply: Reply): Promise<Reply> {
    const done = this.expect('TLS handshake', this.#deadlines.handshakeMs);
    if (this.lost !== undefined) return done;
    this.#stage = 'handshake';
    this.#socket.removeAllListeners('data');
    const secure = connectTls({
      socket: this.#socket,
      secureContext: TLS,
      // What a certificate must say is policy of others; encryption alone is the aim here.
      rejectUnauthorized: false,
      // Of an address too, which is no server name (RFC 6066 3).
      checkServerIdentity: (_, certificate) => checkServerIdentity(this.#host, certificate),
      ...(isIP(this.#host) === 0 && { servername: this.#host }),
    });
    secure.once('secureConnect', () => {
      this.#stage = 'open';
      this.tls = secure.getProtocol() ?? '-';
      this.isVerified = secure.authorized;
      this.#deadline.clear();
      this.#waiters.shift()?.resolve(reply);
    });
    this.#socket = secure;
    this.#attach(secure);
    return done;
  }

  /** Says goodbye; resolves when the peer has no connection any more, or soon by force. */
  leave(): Promise<void> {
    if (this.lost !== undefined) return Promise.resolve();
    const left = new Promise<void>((resolve) => {
      this.onLost = () => this.#clock.timer(NOTICED_MS, resolve);
    });
    if (this.#stage === 'open' && this.#waiters.length === 0) {
      this.#stage = 'leaving';
      this.send('QUIT');
      this.#deadline.set(this.#deadlines.quitMs);
    } else this.close(new CodedError('STOPPING', 'connection closed by us'));
    return left;
  }

  /** Ends it at once; open calls reject with `error`. */
  close(error: CodedError): void {
    if (this.lost !== undefined) return;
    this.lost = error;
    this.#stage = 'lost';
    this.#deadline.stop();
    this.#socket.destroy();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    this.#drained?.();
    this.onLost?.();
  }

  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    const socket = this.#socket;
    socket.cork();
    setImmediate(() => {
      this.#isGathering = false;
      this.#sendCommands();
      socket.uncork();
    });
  }

  #sendCommands(): void {
    const commands = this.#unsent;
    this.#unsent = '';
    if (commands !== '' && this.lost === undefined) this.#socket.write(commands);
  }

  #attach(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#drained?.());
    socket.on('end', () => this.close(this.#loss('connection closed by peer')));
    socket.on('error', (error) => this.close(this.#loss(socketFaultText(error))));
    socket.on('close', () => this.close(this.#loss('connection closed by peer')));
  }

  #read(chunk: Buffer): void {
    // Its own end is waited for: until then it may count us among its connections.
    if (this.#stage === 'leaving') this.#socket.end();
    if (this.#stage !== 'open') return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      // Whatever a reply breaks, it ends this connection and nothing else.
      const text = errorText(error);
      this.close(new CodedError('PEER_PROTOCOL', this.#said(text), { cause: error }));
    }
  }

  /** Gives a reply to the call that waits for it; says whether more may be read. */
  #take(said: Reply): boolean {
    const waiter = this.#waiters[0];
    const reply = hushed(said, waiter?.secrets ?? []);
    if (waiter === undefined) {
      const code = isClosing(reply) ? 'PEER_CLOSED' : 'PEER_OUT_OF_STEP';
      this.close(new CodedError(code, `unasked: ${replyText(reply)}`));
      return false;
    }
    const { expects } = waiter;
    if (isPositive(reply) && !isExpected(reply, expects)) {
      const text = `out of order: ${replyText(reply)}`;
      this.close(new CodedError('PEER_OUT_OF_STEP', this.#said(text)));
      return false;
    }
    this.#waiters.shift();
    const next = this.#waiters[0];
    if (next === undefined) this.#deadline.clear();
    else this.#deadline.set(next.ms);
    waiter.resolve(reply);
    // A refusal amid the content is as good as final, but the two sides are out of step.
    if (isClosing(reply) || expects === 'refusal') {
      this.close(new CodedError('PEER_CLOSED', `${waiter.what}: ${replyText(reply)}`));
    }
    // Plaintext behind the answer to STARTTLS was put there by anybody: it is thrown away.
    return this.lost === undefined && !(expects === 'handshake' && isPositive(reply));
  }

  #expire(): void {
    const code = this.#stage === 'handshake' ? 'TLS_FAILED' : 'DEADLINE';
    const text = this.#stage === 'connecting' ? 'connection timed out' : 'no answer in time';
    this.close(new CodedError(code, this.#said(text)));
  }

  /** What losing the connection means at this stage. */
  #loss(text: string): CodedError {
    const codes: Partial<Record<Stage, ErrorCode>> = {
      connecting: 'CONNECT_FAILED',
      handshake: 'TLS_FAILED',
    };
    return new CodedError(codes[this.#stage] ?? 'PEER_CLOSED', this.#said(text));
  }

  /** While it connects the text says enough; later it matters what was waited for. */
  #said(text: string): string {
    const what = this.#stage === 'connecting' ? undefined : this.#waiters[0]?.what;
    return what === undefined ? text : `${what}: ${text}`;
  }
}

/** Servers repeat what they do not understand, whole or in part: in place of a secret stands `...`. */
function hushed(reply: Reply, secrets: readonly string[]): Reply {
  if (secrets.length === 0) return reply;
  const isSecret = (word: string) =>
    secrets.some((secret) => secret.includes(word) || word.includes(secret));
  const lines = reply.lines.map((line) =>
    line.replace(/[^\s"'`<>()[\]{},;:]{4,}/g, (word) => (isSecret(word) ? '...' : word)),
  );
  return { ...reply, lines };
}

/** Whether a reply that is no refusal says what is waited for. */
function isExpected(reply: Reply, expects: Expected): boolean {
  switch (expects) {
    case 'intermediate':
      return isIntermediate(reply);
    case 'mail':
      return !isIntermediate(reply) && !isOfConnection(reply);
    case 'completion':
    case 'handshake':
      return !isIntermediate(reply);
    case 'refusal':
      return false;
    default:
      return expects satisfies never;
  }
}
