/**
 * A mail server that follows a script, for peers that no honest server plays. One script per
 * connection, the last one again for all further ones. Steps:
 *
 *   S: 250 ok     sends the line; lines that follow each other leave in one write
 *   S! 250 ok\n   sends the text with its escapes (\r \n \0) and nothing else
 *   C: MAIL       reads a line that begins like this; QUIT in its place ends the connection
 *   C* content    reads content up to its final dot
 *   C< 1000       reads that many bytes of content and no more
 *   TLS           shakes hands as the server; what is in the input by then is dropped
 *   close, reset  ends the connection, orderly or not
 *   hang          says nothing more
 *   pause         goes on when the test calls `resume`
 *   HELLO, ..     ordinary parts of a dialog, as the shorthands below have them
 */
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { TLSSocket } from 'node:tls';

const SHORT: Readonly<Record<string, readonly string[]>> = {
  HELLO: ['S: 220 peer ESMTP', 'C: EHLO', 'S: 250-peer', 'S: 250 PIPELINING'],
  'HELLO slow': ['S: 220 peer ESMTP', 'C: EHLO', 'S: 250 peer'],
  ENVELOPE: ['C: MAIL', 'C: RCPT', 'C: DATA', 'S: 250 2.1.0 ok', 'S: 250 2.1.5 ok', 'S: 354 go'],
  MESSAGE: ['ENVELOPE', 'C* content', 'S: 250 2.0.0 taken'],
};

export interface PeerOptions {
  /** Sends each byte on its own. */
  readonly bytewise?: boolean;
  readonly tls?: { readonly key: string; readonly cert: string };
}

export class ScriptedPeer {
  readonly lines: string[] = [];
  /** Contents as they came, dots stuffed, final dot included. */
  readonly contents: Buffer[] = [];
  /** Where a client did not follow the script. */
  readonly faults: string[] = [];
  connections = 0;
  /** Most connections open at one time. */
  mostOpen = 0;
  port = 0;
  readonly paused: (() => void)[] = [];
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  static async start(
    scripts: readonly string[][],
    options: PeerOptions = {},
  ): Promise<ScriptedPeer> {
    const peer = new ScriptedPeer();
    const server = createServer((socket) => {
      const script = scripts[Math.min(peer.connections, scripts.length - 1)] ?? [];
      peer.connections += 1;
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => peer.#sockets.delete(socket));
      peer.#sockets.add(socket);
      peer.mostOpen = Math.max(peer.mostOpen, peer.open);
      new Play(peer, socket, script.flatMap(spelledOut), options).run().catch((error: unknown) => {
        peer.faults.push(String(error));
        socket.destroy();
      });
    });
    peer.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    peer.port = (server.address() as AddressInfo).port; // listening on TCP
    return peer;
  }

  /** Lets all scripts that pause go on; says how many did. */
  resume(): number {
    const paused = this.paused.splice(0);
    for (const go of paused) go();
    return paused.length;
  }

  /** Connections open now. */
  get open(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server?.close(resolve));
  }
}

function spelledOut(step: string): string[] {
  return (SHORT[step] ?? [step]).flatMap((part) => (part === step ? [part] : spelledOut(part)));
}

/** One connection that follows its script. */
class Play {
  readonly #peer: ScriptedPeer;
  readonly #script: readonly string[];
  readonly #options: PeerOptions;
  #socket: Socket;
  #input = Buffer.alloc(0);
  #more: (() => void) | undefined;
  #over = false;

  constructor(peer: ScriptedPeer, socket: Socket, script: readonly string[], options: PeerOptions) {
    this.#peer = peer;
    this.#script = script;
    this.#options = options;
    this.#socket = socket;
    this.#listen(socket);
  }

  async run(): Promise<void> {
    let unsent = '';
    for (const step of this.#script) {
      const said = saidBy(step);
      if (said !== undefined) {
        unsent += said;
        continue;
      }
      await this.#send(unsent);
      unsent = '';
      await this.#play(step);
    }
    await this.#send(unsent);
    // The script is over: what comes now is read and not answered, QUIT closes.
    for (;;) if ((await this.#line()).startsWith('QUIT')) return void this.#socket.end();
  }

  async #play(step: string): Promise<void> {
    if (step.startsWith('C: ')) {
      const line = await this.#line();
      this.#peer.lines.push(line);
      // A client may leave whenever it is its turn.
      if (line === 'QUIT' && step !== 'C: QUIT') {
        this.#socket.end();
        await this.#never();
      }
      if (!line.startsWith(step.slice(3))) throw new Error(`expected ${step}, got ${line}`);
    } else if (step === 'C* content') {
      this.#peer.contents.push(await this.#content());
    } else if (step.startsWith('C< ')) {
      while (this.#input.length < Number(step.slice(3))) await this.#read();
    } else if (step === 'close') {
      this.#socket.end();
      await this.#never();
    } else if (step === 'reset') {
      this.#socket.resetAndDestroy();
      await this.#never();
    } else if (step === 'hang') {
      await this.#never();
    } else if (step === 'pause') {
      await new Promise<void>((resolve) => this.#peer.paused.push(resolve));
    } else if (step === 'TLS') {
      await this.#startTls();
    } else throw new Error(`no such step: ${step}`);
  }

  async #send(text: string): Promise<void> {
    if (this.#options.bytewise !== true) {
      if (text !== '') this.#socket.write(text);
      return;
    }
    for (const byte of Buffer.from(text)) {
      this.#socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#input.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#input.toString('utf8', 0, end);
        this.#input = this.#input.subarray(end + 2);
        return line;
      }
      await this.#read();
    }
  }

  async #content(): Promise<Buffer> {
    for (;;) {
      // The CRLF of the DATA line counts as the one before the first dot.
      const text = `\r\n${this.#input.toString('latin1')}`;
      const end = text.indexOf('\r\n.\r\n');
      if (end >= 0) {
        const content = this.#input.subarray(0, end + 3);
        this.#input = this.#input.subarray(end + 3);
        return content;
      }
      await this.#read();
    }
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      this.#input = Buffer.concat([this.#input, chunk]);
      this.#more?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#over = true;
      this.#more?.();
    });
  }

  async #read(): Promise<void> {
    if (this.#over) return this.#never();
    await new Promise<void>((resolve) => {
      this.#more = resolve;
    });
  }

  #never(): Promise<never> {
    return new Promise(() => undefined);
  }

  async #startTls(): Promise<void> {
    this.#input = Buffer.alloc(0);
    this.#socket.removeAllListeners('data');
    const secure = new TLSSocket(this.#socket, { isServer: true, ...this.#options.tls });
    this.#socket = secure;
    await new Promise<void>((resolve) => {
      secure.once('secure', resolve);
      secure.on('error', () => undefined);
    });
    this.#listen(secure);
  }
}

function saidBy(step: string): string | undefined {
  if (step.startsWith('S: ')) return `${step.slice(3)}\r\n`;
  if (!step.startsWith('S! ')) return undefined;
  return step.slice(3).replaceAll('\\r', '\r').replaceAll('\\n', '\n').replaceAll('\\0', '\0');
}
