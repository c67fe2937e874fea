/**
 * The load source: a number of sessions at once, each sending message after message (or asking for
 * unknown recipients) to one SMTP server, and what came of it: rate, latency, errors. Raw node:net;
 * the body is made once and shared, only the header differs from message to message.
 *
 * Lock-step by default, as simple clients speak: each command waits for its reply; `pipeline` sends
 * MAIL, RCPT and DATA in one write. Bounded by count and by time. A refused or broken message is an
 * error, never tried again. Run alone: `node bench/source.ts --port N [--sessions N] ...`.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { DOMAIN, knownRecipient, makeContent, makeHeader } from './message.ts';
import { percentile } from './statistics.ts';

export interface Load {
  readonly port: number;
  readonly sessions: number;
  /** Most messages (or connections that ask for unknown recipients) in all. */
  readonly count: number;
  /** No new message is begun after this. */
  readonly maxMs: number;
  readonly size: number;
  readonly perConnection: number;
  readonly pipeline: boolean;
  /** More than 0: no mail; each connection asks for that many recipients who do not exist. */
  readonly unknown: number;
  /** A file with the whole content of each message, in place of one of `size` with a header of its own. */
  readonly messageFile?: string;
}

export interface LoadResult {
  /** Messages taken with 250, or recipients refused with 5xx. */
  readonly done: number;
  readonly errors: number;
  /** The first few replies or errors that were not as they should be. */
  readonly samples: readonly string[];
  readonly startedAt: number;
  readonly endedAt: number;
  readonly perSecond: number;
  /** From connecting (or MAIL, on a used connection) to the answer to the final dot or the last RCPT. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the source itself: shows that it was not the bottleneck. */
  readonly ownCpuSeconds: number;
}

/** A silent server costs a session this long, then counts as an error. */
const SILENCE_MS = 60_000;
const MAX_SAMPLES = 5;
const DOT = Buffer.from('.\r\n');

type Phase = 'greeting' | 'ehlo' | 'mail' | 'rcpt' | 'data' | 'dot' | 'quit';

export async function runLoad(load: Load): Promise<LoadResult> {
  const { messageFile } = load;
  const whole = messageFile === undefined ? undefined : readFileSync(messageFile);
  const body = whole === undefined ? makeContent(load.size) : Buffer.concat([whole, DOT]);
  const latencies: number[] = [];
  const samples: string[] = [];
  const cpuBefore = process.cpuUsage();
  const startedAt = Date.now();
  const deadline = performance.now() + load.maxMs;
  let begun = 0;
  let done = 0;
  let errors = 0;

  const take = () => {
    if (begun >= load.count || performance.now() > deadline) return 0;
    return ++begun;
  };
  const failed = (why: string) => {
    errors++;
    if (samples.length < MAX_SAMPLES) samples.push(why.slice(0, 200));
  };

  /** One connection, from the greeting to its close; resolves when it is gone. */
  const connection = (first: number) =>
    new Promise<void>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: load.port, noDelay: true });
      let phase: Phase = 'greeting';
      let since = performance.now();
      let number = first;
      let sent = 0;
      let awaited = 0;
      let rest = '';

      const broken = (why: string) => {
        if (phase !== 'quit') failed(`${phase}: ${why}`);
        phase = 'quit';
        socket.destroy();
      };
      const quit = () => {
        phase = 'quit';
        socket.write('QUIT\r\n');
      };
      const rcpt = () =>
        load.unknown > 0
          ? `RCPT TO:<nobody${number}.${awaited}@${DOMAIN}>\r\n`
          : `RCPT TO:<${knownRecipient(number)}>\r\n`;
      const mail = () => {
        phase = 'mail';
        awaited = load.unknown;
        let text = `MAIL FROM:<sender${number % 1000}@source.test>\r\n`;
        if (load.pipeline) {
          text += rcpt();
          while (awaited > 1) {
            awaited--;
            text += rcpt();
          }
          if (load.unknown === 0) text += 'DATA\r\n';
          awaited = load.unknown;
        }
        socket.write(text);
      };
      const content = () => {
        socket.cork();
        if (whole === undefined) socket.write(makeHeader(number));
        socket.write(body);
        socket.uncork();
      };
      const finished = () => {
        latencies.push(performance.now() - since);
        sent++;
        const next = load.unknown === 0 && sent < load.perConnection ? take() : 0;
        if (next === 0) {
          quit();
          return;
        }
        number = next;
        since = performance.now();
        mail();
      };
      const refusedRecipient = (kind: string, line: string) => {
        if (kind === '5') done++;
        else failed(`rcpt: ${line}`);
        awaited--;
        if (awaited === 0) finished();
        else if (!load.pipeline) socket.write(rcpt());
      };
      const reply = (line: string) => {
        const kind = line.charAt(0);
        if (phase === 'rcpt' && load.unknown > 0) {
          if (line.startsWith('421')) broken(line);
          else refusedRecipient(kind, line);
          return;
        }
        if (phase !== 'quit' && kind !== (phase === 'data' ? '3' : '2')) {
          broken(line);
          return;
        }
        switch (phase) {
          case 'greeting':
            phase = 'ehlo';
            socket.write('EHLO source.test\r\n');
            return;
          case 'ehlo':
            mail();
            return;
          case 'mail':
            phase = 'rcpt';
            if (!load.pipeline) socket.write(rcpt());
            return;
          case 'rcpt':
            phase = 'data';
            if (!load.pipeline) socket.write('DATA\r\n');
            return;
          case 'data':
            phase = 'dot';
            content();
            return;
          case 'dot':
            done++;
            finished();
            return;
          case 'quit':
            socket.end();
            return;
          default:
            phase satisfies never;
        }
      };
      socket.setTimeout(SILENCE_MS, () => broken('silent'));
      socket.on('error', (error) => broken(error.message));
      socket.on('end', () => {
        if (phase !== 'quit') broken('closed by the server');
      });
      socket.on('close', () => resolve());
      socket.on('data', (chunk) => {
        const text = rest + chunk.toString('latin1');
        let at = 0;
        for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', at)) {
          // The last line of a reply has no hyphen behind its number.
          if (text.charCodeAt(at + 3) !== 45) reply(text.slice(at, end).trimEnd());
          at = end + 1;
        }
        rest = text.slice(at);
      });
    });

  const lane = async () => {
    for (let number = take(); number !== 0; number = take()) await connection(number);
  };
  await Promise.all(Array.from({ length: load.sessions }, lane));

  const endedAt = Date.now();
  const used = process.cpuUsage(cpuBefore);
  latencies.sort((a, b) => a - b);
  return {
    done,
    errors,
    samples,
    startedAt,
    endedAt,
    perSecond: (done * 1000) / Math.max(1, endedAt - startedAt),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    ownCpuSeconds: (used.user + used.system) / 1e6,
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      sessions: { type: 'string', default: '20' },
      count: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '60' },
      size: { type: 'string', default: '10240' },
      'per-connection': { type: 'string', default: '1' },
      unknown: { type: 'string', default: '0' },
      message: { type: 'string' },
      pipeline: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1) {
    console.error('usage: source.ts --port N [--sessions N] [--count N] [--seconds N] [--size N]');
    console.error(
      '                 [--per-connection N] [--unknown N] [--message FILE] [--pipeline] [--json]',
    );
    process.exit(64);
  }
  const result = await runLoad({
    port,
    sessions: Number(values.sessions),
    count: Number(values.count),
    maxMs: Number(values.seconds) * 1000,
    size: Number(values.size),
    perConnection: Number(values['per-connection']),
    unknown: Number(values.unknown),
    pipeline: values.pipeline,
    ...(values.message === undefined ? {} : { messageFile: values.message }),
  });
  const { done, errors, perSecond, p50Ms, p99Ms, samples } = result;
  if (values.json) console.log(JSON.stringify(result));
  else {
    console.log(
      `${done} done, ${errors} errors, ${perSecond.toFixed(0)}/s, ` +
        `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`,
    );
    for (const sample of samples) console.log(`  ${sample}`);
  }
}
