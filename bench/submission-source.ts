/**
 * A load source for submission: each connection asks for TLS, logs in and sends messages of one domain, in
 * its own process so that its CPU is not the server's: `node bench/submission-source.ts --port N`, with
 * the figures as JSON on standard output. No session is resumed: each connection is a full handshake.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { parseArgs } from 'node:util';
import { knownRecipient, makeContent, makeHeader } from './message.ts';
import type { LoadResult } from './source.ts';
import { percentile } from './statistics.ts';

export const USER = 'sender@source.test';
export const PASSWORD = 'correct horse battery staple';

export interface SubmissionLoad {
  readonly port: number;
  readonly sessions: number;
  /** No new message is begun after this. */
  readonly maxMs: number;
  readonly size: number;
  readonly perConnection: number;
}

const SILENCE_MS = 60_000;
const MAX_SAMPLES = 5;
/**
 * One for all connections, as a client has that sends a lot: Node would make one for each. With the key
 * exchange that all servers know, for else each does what its own OpenSSL likes best, and that is compared.
 */
const TLS = createSecureContext({ ecdhCurve: 'X25519' });
const LOGIN = Buffer.from(`\0${USER}\0${PASSWORD}`).toString('base64');

/** One connection as a conversation: a line goes out, the last line of the reply comes back. */
class Talk {
  #socket: Socket;
  #rest = '';
  #wanted: { resolve: (line: string) => void; reject: (error: Error) => void } | undefined;
  readonly #early: string[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#attach();
  }

  reply(): Promise<string> {
    const line = this.#early.shift();
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((resolve, reject) => {
      this.#wanted = { resolve, reject };
    });
  }

  async say(text: string, expected: string): Promise<void> {
    this.#socket.write(`${text}\r\n`);
    await this.expect(expected);
  }

  async expect(expected: string): Promise<void> {
    const line = await this.reply();
    if (!line.startsWith(expected)) throw new Error(line);
  }

  send(pieces: readonly (string | Buffer)[]): void {
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }

  async startTls(): Promise<void> {
    this.#socket.removeAllListeners();
    const secure = connectTls({
      socket: this.#socket,
      rejectUnauthorized: false,
      secureContext: TLS,
    });
    await new Promise<void>((resolve, reject) => {
      secure.once('secureConnect', resolve);
      secure.once('error', reject);
    });
    secure.removeAllListeners('error');
    this.#socket = secure;
    this.#attach();
  }

  end(): void {
    this.#socket.destroy();
  }

  #attach(): void {
    const fail = (why: string) => {
      this.#wanted?.reject(new Error(why));
      this.#wanted = undefined;
      this.#socket.destroy();
    };
    this.#socket.setTimeout(SILENCE_MS, () => fail('silent'));
    this.#socket.on('error', (error) => fail(error.message));
    this.#socket.on('close', () => fail('closed by the server'));
    this.#socket.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString('latin1')).split('\r\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line.charAt(3) === '-') continue;
        const wanted = this.#wanted;
        this.#wanted = undefined;
        if (wanted === undefined) this.#early.push(line);
        else wanted.resolve(line);
      }
    });
  }
}

export async function runSubmission(load: SubmissionLoad): Promise<LoadResult> {
  const body = makeContent(load.size);
  const latencies: number[] = [];
  const samples: string[] = [];
  const cpuBefore = process.cpuUsage();
  const startedAt = Date.now();
  const deadline = performance.now() + load.maxMs;
  let begun = 0;
  let errors = 0;

  const connection = async () => {
    let since = performance.now();
    const talk = new Talk(connect({ host: '127.0.0.1', port: load.port, noDelay: true }));
    try {
      await talk.expect('220');
      await talk.say('EHLO source.test', '250');
      await talk.say('STARTTLS', '220');
      await talk.startTls();
      await talk.say('EHLO source.test', '250');
      await talk.say(`AUTH PLAIN ${LOGIN}`, '235');
      for (let sent = 0; sent < load.perConnection && performance.now() < deadline; sent++) {
        const number = ++begun;
        await talk.say(`MAIL FROM:<sender${number % 1000}@source.test>`, '250');
        await talk.say(`RCPT TO:<${knownRecipient(number)}>`, '250');
        await talk.say('DATA', '354');
        talk.send([makeHeader(number), body]);
        await talk.expect('250');
        latencies.push(performance.now() - since);
        since = performance.now();
      }
      await talk.say('QUIT', '221');
    } catch (error) {
      errors += 1;
      if (samples.length < MAX_SAMPLES) samples.push(String(error).slice(0, 200));
    } finally {
      talk.end();
    }
  };
  const lane = async () => {
    while (performance.now() < deadline) await connection();
  };
  await Promise.all(Array.from({ length: load.sessions }, lane));

  const endedAt = Date.now();
  const used = process.cpuUsage(cpuBefore);
  const done = latencies.length;
  latencies.sort((a, b) => a - b);
  return {
    ...{ done, errors, samples, startedAt, endedAt },
    perSecond: (done * 1000) / Math.max(1, endedAt - startedAt),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    ownCpuSeconds: (used.user + used.system) / 1e6,
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      sessions: { type: 'string', default: '20' },
      seconds: { type: 'string', default: '5' },
      size: { type: 'string', default: '10240' },
      'per-connection': { type: 'string', default: '1' },
    },
  });
  const result = await runSubmission({
    port: Number(values.port),
    sessions: Number(values.sessions),
    maxMs: Number(values.seconds) * 1000,
    size: Number(values.size),
    perConnection: Number(values['per-connection']),
  });
  console.log(JSON.stringify(result));
}
