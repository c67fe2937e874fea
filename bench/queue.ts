/**
 * A long queue: `npm run bench:queue`. Fills a store with small messages for one domain (or several),
 * due later, and starts the gateway on it: how long until its port is open, beside one with an empty
 * queue, and how long the store takes of it; how much memory it has then; how long the first page of
 * the listing takes, and the count; and how long the first mail takes when its destination, which was
 * down, answers again.
 */
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { mkdirSync } from 'node:fs';
import { systemClock } from '../src/base/clock.ts';
import { SILENT_LOG } from '../src/base/log.ts';
import { ControlClient } from '../src/control/client.ts';
import { memoryContent } from '../src/mail/content.ts';
import type { SpoolEntry } from '../src/mail/spool-entry.ts';
import type { LevelStore } from '../src/store/leveldb/store.ts';
import { openLevelStore } from '../src/store/leveldb/store.ts';
import { runSourceProcess, startSinkProcess } from './children.ts';
import { DOMAIN, knownRecipient } from './message.ts';
import { freePort, makeFolder, removeFolder } from './peers/peer.ts';
import { sluice } from './peers/sluice.ts';
import { memoryKiB } from './process-tree.ts';

const CONTENT = Buffer.from('Subject: x\r\n\r\nx\r\n');
const AT_ONCE = 1000;
const HOUR_MS = 3_600_000;
const SETTLE_MS = 3000;
const FIRST_PAGE = 50;

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    domains: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
  },
});
const messages = Number(values.messages);
const domains = Number(values.domains);
const rounds = Number(values.rounds);
if (!(messages > 0 && messages <= 10_000_000 && domains > 0 && rounds > 0)) {
  console.error('usage: npm run bench:queue -- [--messages N] [--domains N] [--rounds N]');
  process.exit(64);
}

const folder = makeFolder('queue');
try {
  const empty: number[] = [];
  for (let round = 0; round < rounds; round++) empty.push((await start(true)).greetsMs);
  console.log(`empty: greets after ${list(empty)} ms`);
  await fill();
  for (let round = 0; round < rounds; round++) {
    const [store, openMs] = await timed(openStore);
    console.log(`the store alone opens in ${openMs.toFixed(0)} ms`);
    await store.close();
  }
  for (let round = 0; round < rounds; round++) {
    const { greetsMs, memoryMiB, countMs, count, pageMs, firstMs } = await start(false);
    console.log(
      `${count} queued: greets after ${greetsMs.toFixed(0)} ms, ${memoryMiB.toFixed(0)} MiB, ` +
        `count ${countMs.toFixed(1)} ms, first ${FIRST_PAGE} listed in ${pageMs.toFixed(1)} ms, ` +
        `first mail ${firstMs.toFixed(0)} ms after the destination's return`,
    );
  }
} finally {
  removeFolder(folder);
}

function list(numbers: readonly number[]): string {
  return numbers.map((number) => number.toFixed(0)).join(', ');
}

async function fill(): Promise<void> {
  mkdirSync(join(folder, 'long', 'data'), { recursive: true, mode: 0o700 });
  const store = await openStore();
  const began = performance.now();
  const now = Date.now();
  let next = 0;
  const writer = async () => {
    while (next < messages) {
      const number = next++;
      const { entry, dueAt } = messageOf(number, now);
      await store.spool.commit(entry, dueAt, memoryContent([CONTENT]));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, writer));
  const seconds = (performance.now() - began) / 1000;
  await store.close();
  console.log(`filled with ${messages} in ${seconds.toFixed(0)} s`);
}

function openStore(): Promise<LevelStore> {
  return openLevelStore({
    folder: join(folder, 'long', 'data', 'store'),
    minFreeBytes: 0,
    clock: systemClock,
    log: SILENT_LOG,
    onFailure: (error) => {
      throw error;
    },
  });
}

/** As after an outage of an hour: each was tried once or never, and is due within the next hour. */
function messageOf(number: number, now: number): { entry: SpoolEntry; dueAt: number } {
  const queuedAt = now - HOUR_MS + Math.floor((number / messages) * HOUR_MS);
  const [local = ''] = knownRecipient(number).split('@');
  const domain = number % domains === 0 ? DOMAIN : `d${number % domains}.${DOMAIN}`;
  const entry: SpoolEntry = {
    v: 1,
    id: `${queuedAt.toString(36).padStart(9, '0')}${number.toString(36).padStart(6, '0')}.1`,
    dest: domain,
    direction: 'in',
    reversePath: { local: `sender${number % 1000}`, domain: 'source.test' },
    parameters: {},
    recipients: [{ address: { local, domain }, parameters: {} }],
    sizeBytes: CONTENT.length,
    queuedAt,
    expiresAt: queuedAt + 120 * HOUR_MS,
    attempts: 1,
    senderProven: false,
    maybeDelivered: false,
    client: { address: '192.0.2.1', hello: 'source.test' },
  };
  return { entry, dueAt: now + HOUR_MS + (number % HOUR_MS) };
}

interface Started {
  readonly greetsMs: number;
  readonly memoryMiB: number;
  readonly countMs: number;
  readonly count: number;
  readonly pageMs: number;
  readonly firstMs: number;
}

async function start(isEmpty: boolean): Promise<Started> {
  const home = isEmpty ? makeFolder('queue-empty') : join(folder, 'long');
  const port = await freePort();
  const destinationPort = await freePort();
  const scene = { folder: home, port, destinationPort, mode: 'queue' } as const;
  const began = performance.now();
  const starting = sluice.start(scene);
  const greetsMs = (await untilOpen(port)) - began;
  const running = await starting;
  try {
    await sleep(SETTLE_MS);
    const client = new ControlClient(join(home, 'data', 'control.sock'), 'bench');
    const [count, countMs] = await timed(async () => {
      const row = await client.get('/api/v1/queue/count');
      return Number(row['count']);
    });
    const [, pageMs] = await timed(async () => {
      let seen = 0;
      for await (const _row of client.rows('/api/v1/queue')) if (++seen === FIRST_PAGE) break;
    });
    const memoryMiB = memoryKiB(running.pid) / 1024;
    const firstMs = isEmpty ? 0 : await returnOf(destinationPort, port);
    return { greetsMs, memoryMiB, countMs, count, pageMs, firstMs };
  } finally {
    await running.stop();
    if (isEmpty) removeFolder(home);
  }
}

/** A mail finds out that the destination is down; then it comes back, and the drain begins. */
async function returnOf(destinationPort: number, port: number): Promise<number> {
  const one = { port, sessions: 1, count: 1, maxMs: 5000, size: 1000, perConnection: 1 };
  await runSourceProcess({ ...one, pipeline: false, unknown: 0 });
  await sleep(SETTLE_MS * Math.random());
  const sink = await startSinkProcess(destinationPort);
  const backAt = performance.now();
  try {
    while ((await sink.counts()).messages === 0) await sleep(1);
    return performance.now() - backAt;
  } finally {
    await sink.stop();
  }
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const began = performance.now();
  return [await work(), performance.now() - began];
}

/** When the port takes connections; looked at more often than `untilGreets` does. */
async function untilOpen(port: number): Promise<number> {
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.once('error', () => resolve(false));
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
    });
    if (isOpen) return performance.now();
    await sleep(5);
  }
}
