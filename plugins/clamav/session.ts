/**
 * One connection to clamd that takes one command after another (IDSESSION, clamd(8)); every reply must
 * carry the number of its command. Connects within a bound, collects a reply up to its closing NUL in
 * bounded memory while the command is still being written, and fails on everything that is not one
 * whole reply. It lives on only after a reply that came in its time; on any other end, on a word that
 * nobody asked for and after a short time of rest it closes.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Endpoint } from 'sluice-mx/plugin';
import { formatEndpoint } from '../shared/words.ts';

const CONNECT_MS = 5000;
/** Below the 30 seconds after which clamd closes by itself (IdleTimeout, CommandReadTimeout). */
const REST_MS = 10_000;
const MAX_REPLY_BYTES = 1024;
const OPENING = Buffer.from('zIDSESSION\0');

/**
 * Resolves when the socket takes more; to false when the reply is there already or the connection
 * is lost, so that writing on is pointless.
 */
export type Write = (parts: readonly Uint8Array[]) => Promise<boolean>;

/** Writes a command and says whether it wrote it to its end. */
export type Command = (write: Write) => Promise<boolean>;

export interface Reply {
  readonly text: string;
  /** It came before clamd can have seen the end of the command. */
  readonly isEarly: boolean;
}

interface Awaited {
  readonly chunks: Buffer[];
  bytes: number;
  resolve(text: string): void;
  reject(problem: Error): void;
}

export class Session {
  readonly #endpoint: Endpoint;
  readonly #socket: Socket;
  #commands = 0;
  #awaited: Awaited | undefined;
  #hasAnswered = false;

  /** @param onClose once, when the connection is gone, whoever ended it */
  constructor(endpoint: Endpoint, onClose: () => void = () => undefined) {
    this.#endpoint = endpoint;
    // A last short chunk must not wait for the acknowledgement of those before it.
    const socket = connect({ ...endpoint, noDelay: true });
    this.#socket = socket;
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no connection within ${CONNECT_MS} ms`));
    }, CONNECT_MS);
    socket.setTimeout(REST_MS);
    socket.on('timeout', () => {
      if (this.#awaited === undefined) socket.destroy();
    });
    socket.once('connect', () => clearTimeout(timer));
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error.message || error.name));
    socket.on('end', () => this.#fail('connection closed before the reply'));
    socket.on('close', () => {
      clearTimeout(timer);
      this.#fail('connection closed before the reply');
      onClose();
    });
  }

  /** Nothing came to the last command: clamd may have closed before it saw it. */
  get isUnanswered(): boolean {
    return !this.#hasAnswered;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** One command at a time. Rejects, and the connection is closed, when there is no whole reply. */
  async ask(signal: AbortSignal, command: Command): Promise<Reply> {
    signal.throwIfAborted();
    const socket = this.#socket;
    const onAbort = () => socket.destroy(new Error('given up'));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.ref();
    const reply = this.#reply();
    let isWritten = false;
    const writing = command(this.#writer()).then(
      (isWhole) => {
        isWritten = isWhole;
      },
      // Content that cannot be read back: clamd must not see an end of it.
      (error: unknown) => {
        socket.destroy(error as Error);
      },
    );
    try {
      const text = await reply;
      const isEarly = !isWritten || socket.writableLength > 0;
      // A command that clamd could not carry out may have left it in the middle of it.
      if (isEarly || text.endsWith('ERROR')) socket.destroy();
      else socket.unref(); // at rest it keeps no process alive
      return { text, isEarly };
    } catch (error) {
      socket.destroy();
      const cause = error instanceof Error ? error.message : String(error);
      throw new Error(`clamd at ${formatEndpoint(this.#endpoint)}: ${cause}`, { cause: error });
    } finally {
      signal.removeEventListener('abort', onAbort);
      await writing;
    }
  }

  /** The text of the next reply without its number; what lacks the right one can be no clear answer. */
  #reply(): Promise<string> {
    const number = `${++this.#commands}: `;
    this.#hasAnswered = false;
    return new Promise<string>((resolve, reject) => {
      this.#awaited = {
        chunks: [],
        bytes: 0,
        resolve: (text) =>
          resolve(text.startsWith(number) ? text.slice(number.length) : `unnumbered: ${text}`),
        reject,
      };
    });
  }

  #take(chunk: Buffer): void {
    const awaited = this.#awaited;
    if (awaited === undefined) {
      this.#socket.destroy();
      return;
    }
    this.#hasAnswered = true;
    awaited.chunks.push(chunk);
    awaited.bytes += chunk.length;
    const end = chunk.indexOf(0);
    if (end >= 0 && end < chunk.length - 1) this.#fail('more than one reply');
    else if (awaited.bytes > MAX_REPLY_BYTES) this.#fail('endless reply');
    else if (end >= 0) {
      this.#awaited = undefined;
      awaited.resolve(Buffer.concat(awaited.chunks).toString('latin1').slice(0, -1));
    }
  }

  #fail(problem: string): void {
    const awaited = this.#awaited;
    this.#awaited = undefined;
    awaited?.reject(new Error(problem));
  }

  #writer(): Write {
    const socket = this.#socket;
    const isFirst = this.#commands === 1;
    let isBegun = false;
    const isOver = () => this.#awaited === undefined || socket.destroyed;
    return (parts) => {
      if (isOver()) return Promise.resolve(false);
      // Corked writes leave as one system call, without copying the parts together.
      socket.cork();
      if (isFirst && !isBegun) socket.write(OPENING);
      isBegun = true;
      let takesMore = true;
      for (const part of parts) takesMore = socket.write(part);
      socket.uncork();
      if (takesMore) return Promise.resolve(true);
      return new Promise((resolve) => {
        const onChange = () => {
          socket.off('drain', onChange);
          socket.off('close', onChange);
          resolve(!isOver());
        };
        socket.on('drain', onChange);
        socket.on('close', onChange);
      });
    };
  }
}
