/**
 * The socket of one SMTP session. Replies are joined: they leave in one write at the end of the turn
 * of the event loop in which they were said, or when they grow large. So do those of other sessions:
 * clients that the first one wakes find the others there, which costs less than to wake them one by
 * one. What a client does not read is bounded: then the session waits in `drained`. The last
 * reply is given time to arrive: we end our half and throw away what still comes, until the client
 * closes, or close at once when nothing can come. Keeps no deadlines; its owner destroys it.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import type { TurnEnd } from '../base/turn-end.ts';
import type { TlsView } from '../mail/session-view.ts';
import { channelBinding, secureServerSide, tlsView } from './server-tls.ts';
import type { ChannelBinding } from './server-tls.ts';

/** What the wire tells its session. */
export interface WireListener {
  /** Bytes from the client; they are the session's to keep and to change. */
  input(chunk: Buffer): void;
  /** The client sends no more; it may still read. */
  inputEnded(): void;
  /** The connection is gone; nothing follows. */
  gone(error: Error | undefined): void;
}

/** Joined replies beyond this are written at once. */
const MAX_JOINED = 16 * 1024;

export interface Secured {
  readonly tls: TlsView;
  /** A secret of the connection, for logins alone. */
  readonly binding: ChannelBinding | undefined;
}

export class Wire {
  readonly #listener: WireListener;
  readonly #turnEnd: TurnEnd;
  #socket: Socket;
  #joined = '';
  #flushScheduled = false;
  #ending = false;
  #error: Error | undefined;

  constructor(socket: Socket, listener: WireListener, turnEnd: TurnEnd) {
    this.#socket = socket;
    this.#listener = listener;
    this.#turnEnd = turnEnd;
    this.#attach(socket);
  }

  get isInputEnded(): boolean {
    return this.#socket.readableEnded;
  }

  write(text: string): void {
    this.#joined += text;
    if (this.#joined.length > MAX_JOINED) this.flush();
  }

  flush(): void {
    this.#flushScheduled = false;
    if (this.#joined === '') return;
    const text = this.#joined;
    this.#joined = '';
    if (!this.#socket.destroyed && !this.#socket.writableEnded) this.#socket.write(text, 'utf8');
  }

  /** At the end of this turn: replies already given do not wait for what takes longer. */
  flushSoon(): void {
    if (this.#joined === '' || this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#turnEnd.add(this);
  }

  /** Replies fill the socket's buffer (its high-water mark): nothing more is done for this client. */
  get hasUnread(): boolean {
    return this.#socket.writableNeedDrain && !this.#socket.destroyed;
  }

  /** Resolves when the client has read what was written, or is gone. */
  drained(): Promise<void> {
    const socket = this.#socket;
    if (!this.hasUnread) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        socket.off('drain', done);
        socket.off('close', done);
        resolve();
      };
      socket.on('drain', done);
      socket.on('close', done);
    });
  }

  pause(): void {
    this.#socket.pause();
  }
  resume(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** Turns the connection into TLS; undefined when that failed, the connection is gone then. */
  async secure(context: SecureContext): Promise<Secured | undefined> {
    this.flush();
    this.#detach(this.#socket);
    try {
      const secured = await secureServerSide(this.#socket, context);
      this.#socket = secured;
      this.#attach(secured);
      return { tls: tlsView(secured), binding: channelBinding(secured) };
    } catch (error) {
      this.#listener.gone(error as Error); // rejects with errors only
      return undefined;
    }
  }

  /**
   * Writes what is left and ends our half; input is thrown away from now on. A client that has said its
   * last word need not be waited for (`close`): the system delivers the reply, and takes it back only
   * for bytes that nobody reads. Over TLS the client's goodbye is such.
   */
  end(how: 'half' | 'close' = 'half'): void {
    if (this.#ending) return;
    this.flush();
    this.#ending = true;
    if (this.#socket.destroyed) return;
    if (how === 'close' && !(this.#socket instanceof TLSSocket)) {
      this.#socket.destroySoon();
      return;
    }
    this.#socket.end();
    this.resume();
  }

  destroy(): void {
    this.#ending = true;
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.#ending) this.#listener.input(chunk);
  };
  readonly #onEnd = (): void => {
    if (!this.#ending) this.#listener.inputEnded();
  };
  readonly #onError = (error: Error): void => {
    this.#error = error;
  };
  readonly #onClose = (): void => this.#listener.gone(this.#error);

  #attach(socket: Socket): void {
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /** Without a reader the socket would lose bytes, so it stops flowing as well. */
  #detach(socket: Socket): void {
    socket.pause();
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
  }
}
