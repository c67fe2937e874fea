/**
 * One measurement: one peer, one row of the table, a fresh instance in a fresh folder. The instance is
 * warmed up, then loaded for a bounded time; CPU is counted for its whole process tree from the first
 * message until it has come to rest, so work put off until after the reply counts too.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { runSourceProcess, startSinkProcess } from './children.ts';
import type { SinkProcess } from './children.ts';
import { freePort, makeFolder, removeFolder } from './peers/peer.ts';
import type { Peer, RunningPeer } from './peers/peer.ts';
import { cpuSeconds } from './process-tree.ts';
import type { Load, LoadResult } from './source.ts';

export interface Row {
  readonly name: string;
  readonly text: string;
  /** `up`: the destination takes mail. `down`: it refuses connections. `drain`: down, then up. */
  readonly kind: 'up' | 'down' | 'unknown' | 'drain';
  readonly sessions: number;
  readonly size: number;
  /** Unknown recipients per connection; 0 for mail. */
  readonly unknown: number;
}

export interface Measured {
  readonly perSecond: number;
  readonly cpuPerThousand: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly done: number;
  readonly errors: number;
  readonly samples: readonly string[];
  /** Of a drain: from the destination's return to the first connection there. */
  readonly noticedMs?: number;
}

export interface Pace {
  readonly seconds: number;
  readonly pipeline: boolean;
  readonly drain: number;
}

const WARM_UP = { count: 2000, maxMs: 2000 };
const MAX_MESSAGES = 200_000;
/** Longest wait for what was accepted to arrive, for a drain, and for the peer to come to rest. */
const ARRIVAL_MS = 60_000;
const DRAIN_MS = 180_000;
const REST_MS = 10_000;
/** At rest: less CPU than this in one look; looks are this far apart. */
const REST_CPU_SECONDS = 0.02;
const LOOK_MS = 250;

export async function measure(peer: Peer, row: Row, pace: Pace): Promise<Measured> {
  const folder = makeFolder(peer.name);
  let sink: SinkProcess | undefined;
  let running: RunningPeer | undefined;
  try {
    const destinationPort = await freePort();
    if (row.kind !== 'down') sink = await startSinkProcess(destinationPort);
    const port = await freePort();
    const mode = row.kind === 'up' || row.kind === 'unknown' ? 'relay' : 'queue';
    running = await peer.start({ folder, port, destinationPort, mode });
    const load: Load = {
      port,
      sessions: row.sessions,
      count: MAX_MESSAGES,
      maxMs: pace.seconds * 1000,
      size: row.size,
      perConnection: 1,
      pipeline: pace.pipeline,
      unknown: row.unknown,
    };
    if (row.kind === 'drain' && sink !== undefined) {
      // An outage warms up for an outage: what delivers from a queue is not what relays.
      await outage(running, load, sink, pace.drain);
      return await outage(running, load, sink, pace.drain);
    }
    await runSourceProcess({ ...load, ...WARM_UP });
    await untilAtRest(running.pid);
    await sink?.reset();
    const before = cpuSeconds(running.pid);
    const result = await runSourceProcess(load);
    const endedAt = row.kind === 'up' ? await arrival(sink, result) : result.endedAt;
    await untilAtRest(running.pid);
    const cpu = cpuSeconds(running.pid) - before;
    return summary(result, (result.done * 1000) / Math.max(1, endedAt - result.startedAt), cpu);
  } finally {
    await running?.stop();
    await sink?.stop();
    removeFolder(folder);
  }
}

/** End to end: until the last accepted message is at the sink. */
async function arrival(sink: SinkProcess | undefined, result: LoadResult): Promise<number> {
  if (sink === undefined) return result.endedAt;
  const counts = await untilArrived(sink, result.done, ARRIVAL_MS);
  return Math.max(result.endedAt, counts.lastAt);
}

async function untilArrived(sink: SinkProcess, wanted: number, maxMs: number) {
  const deadline = performance.now() + maxMs;
  for (;;) {
    const counts = await sink.counts();
    if (counts.messages >= wanted) return counts;
    if (performance.now() > deadline) {
      throw new Error(`${counts.messages} of ${wanted} accepted messages arrived in time`);
    }
    await sleep(50);
  }
}

/**
 * The destination goes, the queue is filled, the destination comes back. Counted from the first
 * connection there to the last message.
 */
async function outage(
  running: RunningPeer,
  load: Load,
  sink: SinkProcess,
  messages: number,
): Promise<Measured> {
  await sink.close();
  const filled = await runSourceProcess({ ...load, count: messages, maxMs: DRAIN_MS });
  await untilAtRest(running.pid);
  const before = cpuSeconds(running.pid);
  await sink.open();
  const openedAt = Date.now();
  await running.flush?.();
  const { firstAt, lastAt } = await untilArrived(sink, filled.done, DRAIN_MS);
  await untilAtRest(running.pid);
  const cpu = cpuSeconds(running.pid) - before;
  const perSecond = (filled.done * 1000) / Math.max(1, lastAt - firstAt);
  const noticedMs = Math.max(0, firstAt - openedAt);
  return { ...summary(filled, perSecond, cpu), p50Ms: 0, p99Ms: 0, noticedMs };
}

export async function untilAtRest(pid: number): Promise<void> {
  const deadline = performance.now() + REST_MS;
  let last = cpuSeconds(pid);
  while (performance.now() < deadline) {
    await sleep(LOOK_MS);
    const now = cpuSeconds(pid);
    if (now - last <= REST_CPU_SECONDS) return;
    last = now;
  }
}

function summary(result: LoadResult, perSecond: number, cpu: number): Measured {
  const { p50Ms, p99Ms, done, errors, samples } = result;
  const cpuPerThousand = (cpu * 1000) / Math.max(1, done);
  return { perSecond, cpuPerThousand, p50Ms, p99Ms, done, errors, samples };
}
