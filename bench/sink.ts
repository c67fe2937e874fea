/**
 * A destination fast enough never to be the bottleneck: takes every message, keeps none, counts
 * messages and bytes. Raw node:net; commands are known by their first letter, the final dot is found
 * with one search over each chunk, the replies of a chunk leave in one write.
 *
 * Run alone: `node bench/sink.ts [--port N]`. Run by fork(): answers the messages of `SinkAsk`.
 * Never a test of correctness: it accepts what a real destination would refuse.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { parseArgs } from 'node:util';

export interface SinkCounts {
  readonly messages: number;
  readonly bytes: number;
  readonly connections: number;
  /** Most connections open at one time. */
  readonly peakConnections: number;
  /** Epoch milliseconds of the first connection and of the last final dot; 0 when there was none. */
  readonly firstAt: number;
  readonly lastAt: number;
}

export type SinkAsk = 'counts' | 'reset' | 'open' | 'close';
export type SinkTell = { readonly port: number } | { readonly counts: SinkCounts };

export interface Sink {
  readonly port: number;
  counts(): SinkCounts;
  reset(): void;
  /** Listens again, and counts from zero. */
  open(): Promise<void>;
  /** Is down: refuses connections, and drops those that are open. */
  close(): Promise<void>;
}

const GREETING = '220 sink.bench.test ESMTP\r\n';
const EHLO = '250-sink.bench.test\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250 8BITMIME\r\n';
const OK = '250 2.0.0 Ok\r\n';
const GO_AHEAD = '354 Go ahead\r\n';
const BYE = '221 2.0.0 Bye\r\n';
const FINAL_DOT = Buffer.from('\r\n.\r\n');
/** A command line longer than this is not one of ours; the connection is dropped. */
const MAX_LINE = 4096;

type Counter = { -readonly [name in keyof SinkCounts]: SinkCounts[name] };

function zero(): Counter {
  return { messages: 0, bytes: 0, connections: 0, peakConnections: 0, firstAt: 0, lastAt: 0 };
}

export async function startSink(port = 0): Promise<Sink> {
  const sockets = new Set<Socket>();
  let counter = zero();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    if (counter.connections++ === 0) counter.firstAt = Date.now();
    counter.peakConnections = Math.max(counter.peakConnections, sockets.size);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    receive(socket, (bytes) => {
      counter.messages++;
      counter.bytes += bytes;
      counter.lastAt = Date.now();
    });
  });
  const bound = await listen(server, port);
  return {
    port: bound,
    counts: () => ({ ...counter }),
    reset: () => {
      counter = zero();
    },
    open: async () => {
      counter = zero();
      await listen(server, bound);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Speaks the server's side on one connection; `took` is called with the size of each message. */
function receive(socket: Socket, took: (bytes: number) => void): void {
  let inContent = false;
  let size = 0;
  let rest = ''; // of an unfinished command line, or the last bytes of the content so far
  socket.write(GREETING);
  socket.on('data', (chunk: Buffer) => {
    let replies = '';
    let at = 0;
    while (at < chunk.length) {
      if (inContent) {
        const end = endOfContent(rest, chunk, at);
        if (end < 0) {
          size += chunk.length - at;
          rest = (rest + chunk.toString('latin1', Math.max(at, chunk.length - 4))).slice(-4);
          break;
        }
        took(size + end - at);
        at = end;
        inContent = false;
        rest = '';
        replies += OK;
        continue;
      }
      const newline = chunk.indexOf(10, at);
      if (newline < 0) {
        rest += chunk.toString('latin1', at);
        if (rest.length > MAX_LINE) socket.destroy();
        break;
      }
      const verb = rest.charAt(0) || String.fromCharCode(chunk[at] ?? 0);
      rest = '';
      at = newline + 1;
      if (verb === 'E' || verb === 'e') replies += EHLO;
      else if (verb === 'D' || verb === 'd') {
        replies += GO_AHEAD;
        inContent = true;
        size = 0;
        rest = '\r\n'; // so that a dot on the first line ends empty content
      } else if (verb === 'Q' || verb === 'q') {
        socket.end(replies + BYE);
        return;
      } else replies += OK;
    }
    if (replies !== '') socket.write(replies, 'latin1');
  });
}

/** Index just behind the final dot's line, or -1; `tail` are the up to four bytes before `at`. */
function endOfContent(tail: string, chunk: Buffer, at: number): number {
  const seam = (tail + chunk.toString('latin1', at, at + 4)).indexOf('\r\n.\r\n');
  if (seam >= 0) return at + seam + 5 - tail.length;
  const found = chunk.indexOf(FINAL_DOT, at);
  return found < 0 ? -1 : found + 5;
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', backlog: 1024 }, () => {
      server.off('error', reject);
      const address = server.address() as AddressInfo; // a TCP server's address is one
      resolve(address.port);
    });
  });
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } });
  const sink = await startSink(Number(values.port));
  if (process.send === undefined) {
    console.log(`sink listens on 127.0.0.1:${sink.port}; Ctrl-C prints the counts`);
    process.once('SIGINT', () => {
      console.log(JSON.stringify(sink.counts()));
      process.exit(0);
    });
  } else {
    const tell = (message: SinkTell) => process.send?.(message);
    const obey = async (ask: SinkAsk): Promise<void> => {
      if (ask !== 'counts') await sink[ask]();
      tell({ counts: sink.counts() });
    };
    process.on('message', (ask: SinkAsk) => void obey(ask));
    process.once('disconnect', () => process.exit(0));
    tell({ port: sink.port });
  }
}
