/**
 * A customer's mail server for scenarios: records what arrives byte for byte and misbehaves on
 * demand. It is written for these tests alone and shares nothing with the gateway.
 */
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { freePort } from './free-port.ts';

export interface Arrived {
  readonly from: string;
  readonly to: readonly string[];
  /** Content with dots un-stuffed. */
  readonly content: Buffer;
  readonly mailLine: string;
  /** Of the recipients that were taken. */
  readonly rcptLines: readonly string[];
}

/** What it answers: a reply line, `hang` for silence, `close` for a cut connection. */
export interface Behaviour {
  greeting?: () => string;
  /** What it offers beside PIPELINING; REQUIRETLS within TLS alone. */
  offers?: readonly string[];
  /** Offers STARTTLS with this certificate. */
  tls?: { readonly key: string; readonly cert: string } | undefined;
  mail?: (line: string) => string;
  rcpt?: (address: string) => string;
  xclient?: (line: string) => string;
  data?: () => string;
  final?: (arrived: Arrived) => string | Promise<string>;
}

const OFFERS = ['8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES'];

export class Destination {
  readonly arrived: Arrived[] = [];
  readonly rcptAsked: string[] = [];
  readonly xclients: string[] = [];
  /** Address and name of each connection that said EHLO in the clear. */
  readonly clients: string[] = [];
  /** MAIL commands that came in the clear. */
  readonly mailInTheClear: string[] = [];
  behaviour: Behaviour;
  connections = 0;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port: number;

  readonly #host: string;

  /** Port 0: one that is free, and the same again after a pause. */
  constructor(behaviour: Behaviour = {}, host = '127.0.0.1', port = 0) {
    this.behaviour = behaviour;
    this.#host = host;
    this.#port = port;
  }

  /** Connections that are open now. */
  get connected(): number {
    return this.#sockets.size;
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<this> {
    if (this.#server !== undefined) return this;
    if (this.#port === 0) this.#port = await freePort();
    const server = createServer((socket) => this.#serve(socket));
    this.#server = server;
    // A scenario that failed half-way must not keep the test process alive.
    server.unref();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, this.#host, () => resolve());
    });
    return this;
  }

  /** Goes down; `start` brings it back on the same port. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.unref();
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    let input: Buffer = Buffer.alloc(0);
    let content: Buffer[] | undefined;
    let mailLine = '';
    let from = '';
    let to: string[] = [];
    let rcptLines: string[] = [];
    /** The connection itself, then TLS over it. */
    let stream = socket;
    const say = (reply: string) => {
      if (reply === 'close') socket.destroy();
      else if (reply !== 'hang') stream.write(`${reply}\r\n`);
    };
    const startTls = (certificate: object) => {
      say('220 2.0.0 Ready');
      socket.removeAllListeners('data');
      stream = new TLSSocket(socket, { isServer: true, ...certificate });
      stream.on('error', () => socket.destroy());
      stream.on('data', onData);
    };
    say(this.behaviour.greeting?.() ?? '220 destination.test ESMTP');
    const onContent = async (bytes: Buffer) => {
      const arrived: Arrived = { from, to, content: unstuffed(bytes), mailLine, rcptLines };
      to = [];
      rcptLines = [];
      const reply = (await this.behaviour.final?.(arrived)) ?? '250 2.0.0 Ok: taken';
      if (reply.startsWith('2')) this.arrived.push(arrived);
      say(reply);
    };
    const onLine = (line: string) => {
      const verb = line.slice(0, 4).toUpperCase();
      const path = /<([^>]*)>/.exec(line)?.[1] ?? '';
      if (verb === 'EHLO') {
        const inTls = stream !== socket;
        if (!inTls) this.clients.push(`${socket.remoteAddress} ${line.slice(5)}`);
        const all = this.behaviour.offers ?? OFFERS;
        const offers = all.filter((word) => inTls || word !== 'REQUIRETLS');
        if (this.behaviour.tls !== undefined && !inTls) offers.push('STARTTLS');
        say(
          `250-destination.test\r\n${offers.map((word) => `250-${word}\r\n`).join('')}250 PIPELINING`,
        );
      } else if (verb === 'MAIL') {
        mailLine = line;
        if (stream === socket) this.mailInTheClear.push(line);
        from = path;
        to = [];
        rcptLines = [];
        say(this.behaviour.mail?.(line) ?? '250 2.1.0 Ok');
      } else if (verb === 'RCPT') {
        this.rcptAsked.push(path);
        const reply = this.behaviour.rcpt?.(path) ?? '250 2.1.5 Ok';
        if (reply.startsWith('2')) {
          to.push(path);
          rcptLines.push(line);
        }
        say(reply);
      } else if (verb === 'DATA') {
        const reply =
          to.length === 0
            ? '554 5.5.1 No valid recipients'
            : (this.behaviour.data?.() ?? '354 Go on');
        if (reply.startsWith('354')) content = [];
        say(reply);
      } else if (verb === 'STAR' && this.behaviour.tls !== undefined) {
        startTls(this.behaviour.tls);
      } else if (verb === 'XCLI') {
        this.xclients.push(line);
        say(this.behaviour.xclient?.(line) ?? '220 destination.test ESMTP');
      } else if (verb === 'QUIT') {
        say('221 2.0.0 Bye');
        stream.end();
      } else say('250 2.0.0 Ok');
    };
    const onData = (chunk: Buffer) => {
      input = Buffer.concat([input, chunk]);
      while (input.length > 0) {
        if (content !== undefined) {
          // What cannot be part of the end any more is put aside, so that the cost stays linear.
          const isEmpty = content.length === 0 && input.subarray(0, 3).toString() === '.\r\n';
          const end = isEmpty ? 0 : input.indexOf('\r\n.\r\n');
          if (end < 0) {
            const safe = Math.max(0, input.length - 4);
            if (safe > 0) content.push(Buffer.from(input.subarray(0, safe)));
            input = input.subarray(safe);
            return;
          }
          content.push(Buffer.from(input.subarray(0, isEmpty ? 0 : end + 2)));
          input = input.subarray(isEmpty ? 3 : end + 5);
          const whole = Buffer.concat(content);
          content = undefined;
          onContent(whole).catch(() => socket.destroy());
          continue;
        }
        const end = input.indexOf('\r\n');
        if (end < 0) return;
        const line = input.subarray(0, end).toString('utf8');
        input = input.subarray(end + 2);
        onLine(line);
      }
    };
    socket.on('data', onData);
  }
}

function unstuffed(content: Buffer): Buffer {
  return Buffer.from(content.toString('latin1').replace(/(^|\r\n)\./g, '$1'), 'latin1');
}
