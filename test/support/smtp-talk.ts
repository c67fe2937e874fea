/**
 * A plain SMTP client for scenarios: writes what it is told, byte for byte, and reads replies. Knows
 * nothing of the gateway's own client, so that the two cannot share a mistake.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

export class SmtpTalk {
  readonly socket: Socket;
  #input = '';
  #waiting: (() => void)[] = [];
  #closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#input += chunk.toString('latin1');
      this.#wakeAll();
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#wakeAll();
    });
    socket.on('error', () => undefined);
  }

  /** `from`: another of the addresses of this machine. */
  static async open(port: number, from = '127.0.0.1'): Promise<SmtpTalk> {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    const talk = new SmtpTalk(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return talk;
  }

  /** On a connection that somebody else has made, such as one with TLS. */
  static on(socket: Socket): SmtpTalk {
    return new SmtpTalk(socket);
  }

  /** Opens, reads the greeting and says EHLO. */
  static async greeted(
    port: number,
    name = 'client.example',
    from = '127.0.0.1',
  ): Promise<SmtpTalk> {
    const talk = await SmtpTalk.open(port, from);
    await talk.reply();
    await talk.say(`EHLO ${name}`);
    return talk;
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** One command, one reply. */
  async say(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  /** The next whole reply, lines joined by `\n`; empty when the server closed instead. */
  async reply(timeoutMs = 30_000): Promise<string> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const match = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n/.exec(this.#input);
      if (match !== null) {
        this.#input = this.#input.slice(match[0].length);
        return match[0].trimEnd().replaceAll('\r\n', '\n');
      }
      if (this.#closed) return '';
      const left = end - Date.now();
      if (left <= 0)
        throw new Error(`no reply within ${timeoutMs} ms; read so far: ${this.#input}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** MAIL, RCPT for each, DATA, content (dots stuffed here), and the final reply. */
  async send(from: string, to: readonly string[], content: string | Buffer): Promise<string> {
    let reply = await this.say(`MAIL FROM:<${from}>`);
    if (!reply.startsWith('250')) return reply;
    for (const address of to) {
      reply = await this.say(`RCPT TO:<${address}>`);
      if (!reply.startsWith('250')) return reply;
    }
    reply = await this.say('DATA');
    if (!reply.startsWith('354')) return reply;
    this.write(stuffed(content));
    return this.reply();
  }

  async quit(): Promise<void> {
    if (!this.#closed) await this.say('QUIT');
    this.socket.destroy();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  #wakeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/** Content dot-stuffed, with the final dot. */
export function stuffed(content: string | Buffer): Buffer {
  const text = typeof content === 'string' ? content : content.toString('latin1');
  const closed = text.endsWith('\r\n') || text === '' ? text : `${text}\r\n`;
  return Buffer.from(`${closed.replace(/^\./gm, '..')}.\r\n`, 'latin1');
}

/** One message in a session of its own. */
export async function sendMail(
  port: number,
  from: string,
  to: readonly string[],
  content: string | Buffer,
): Promise<string> {
  const talk = await SmtpTalk.greeted(port);
  try {
    return await talk.send(from, to, content);
  } finally {
    await talk.quit().catch(() => undefined);
  }
}
