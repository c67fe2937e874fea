/**
 * Submission: `npm run bench:submission`. Customers log in over TLS and send messages of 10 KB, which leave
 * signed for one destination, through Postfix with opendkim and through our gateway in turn. The rate is
 * end to end: until the last accepted message has arrived. Each figure is the median of the rounds, the
 * ratio, to the first one, the median of the ratios within a round.
 */
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { startSinkProcess } from './children.ts';
import type { SinkProcess } from './children.ts';
import { freePort, makeFolder, removeFolder } from './peers/peer.ts';
import {
  limitedSubmission,
  makeSecrets,
  postfixSubmission,
  sendersSubmission,
  sluiceSubmission,
} from './peers/submission.ts';
import type { Secrets, SubmissionPeer } from './peers/submission.ts';
import { cpuSeconds } from './process-tree.ts';
import type { LoadResult } from './source.ts';
import { median } from './statistics.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    sessions: { type: 'string', default: '20' },
    'per-connection': { type: 'string', default: '1,10' },
    size: { type: 'string', default: '10240' },
    peers: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
if (!(rounds > 0 && rounds <= 50 && seconds > 0 && seconds <= 120)) {
  console.error(
    'usage: npm run bench:submission -- [--rounds 3] [--seconds 5] [--sessions 20] [--per-connection 1,10] [--size 10240] [--peers sluice,sluice+limits]',
  );
  process.exit(64);
}

const ARRIVAL_MS = 60_000;
/** Until then the compiler of a fresh process takes much of a core. */
const WARM_UP_SECONDS = 5;
const SOURCE_GRACE_MS = 90_000;
/** A signature of RSA-2048 is some 700 bytes; less means that something left unsigned. */
const SIGNATURE_BYTES = 500;

interface Measured {
  readonly perSecond: number;
  readonly cpuPerThousand: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const wanted = values.peers?.split(',');
const known = [postfixSubmission, sluiceSubmission, limitedSubmission, sendersSubmission];
const peers = known.filter((peer) => {
  if (wanted?.includes(peer.name) === false) return false;
  const why = peer.missing();
  if (why !== undefined) console.log(`${peer.name} is left out: ${why}`);
  return why === undefined;
});
console.log(
  `${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}`,
);
const secrets = await makeSecrets();
for (const perConnection of values['per-connection'].split(',').map(Number)) {
  console.log(`\n${values.sessions} sessions, ${perConnection} per connection`);
  const results = new Map<string, Measured[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const peer of peers) {
      const measured = await measure(peer, secrets, perConnection);
      results.set(peer.name, [...(results.get(peer.name) ?? []), measured]);
      console.log(`#${round} ${told(peer.name, measured)}`);
    }
  }
  for (const peer of peers) {
    const all = results.get(peer.name) ?? [];
    const of = (pick: (one: Measured) => number) => median(all.map(pick));
    const figures = {
      perSecond: of((one) => one.perSecond),
      cpuPerThousand: of((one) => one.cpuPerThousand),
      p50Ms: of((one) => one.p50Ms),
      p99Ms: of((one) => one.p99Ms),
    };
    // What others are held against.
    const base = results.get(peers[0]?.name ?? '') ?? [];
    const ratios = all.map((one, i) => one.perSecond / (base[i]?.perSecond ?? NaN));
    console.log(`median ${told(peer.name, figures)}, x ${median(ratios).toFixed(2)}`);
  }
}

function told(name: string, { perSecond, cpuPerThousand, p50Ms, p99Ms }: Measured): string {
  const rate = `${perSecond.toFixed(0)}/s, CPU ${cpuPerThousand.toFixed(2)} s/1000`;
  return `${name.padEnd(17)} ${rate}, p50/p99 ${p50Ms.toFixed(1)}/${p99Ms.toFixed(1)} ms`;
}

async function measure(
  peer: SubmissionPeer,
  shared: Secrets,
  perConnection: number,
): Promise<Measured> {
  const folder = makeFolder('submission');
  const sink = await startSinkProcess(await freePort());
  const port = await freePort();
  const scene = { folder, port, destinationPort: sink.port, mode: 'relay' } as const;
  const running = await peer.start(scene, shared).catch(async (error: unknown) => {
    await sink.stop();
    throw error;
  });
  const cpu = () => running.pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  try {
    const warmed = await load(port, perConnection, WARM_UP_SECONDS);
    await arrived(sink, warmed.done);
    await sink.reset();
    const before = cpu();
    const result = await load(port, perConnection, seconds);
    const { lastAt, bytes, messages } = await arrived(sink, result.done);
    const used = cpu() - before;
    if (result.errors > 0) console.log(`  ${result.errors} errors: ${result.samples.join('; ')}`);
    if (bytes / messages < Number(values.size) + SIGNATURE_BYTES) {
      throw new Error(`${peer.name}: ${(bytes / messages).toFixed(0)} bytes each: not signed`);
    }
    const endedAt = Math.max(result.endedAt, lastAt);
    return {
      perSecond: (result.done * 1000) / Math.max(1, endedAt - result.startedAt),
      cpuPerThousand: (used * 1000) / Math.max(1, result.done),
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
    };
  } finally {
    await running.stop();
    await sink.stop();
    removeFolder(folder);
  }
}

async function load(port: number, perConnection: number, maxSeconds: number): Promise<LoadResult> {
  const program = join(import.meta.dirname, 'submission-source.ts');
  const { sessions, size } = values;
  const options = { port, sessions, size, seconds: maxSeconds, 'per-connection': perConnection };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], {
    timeout: maxSeconds * 1000 + SOURCE_GRACE_MS,
  });
  return JSON.parse(stdout) as LoadResult; // written by submission-source.ts
}

async function arrived(sink: SinkProcess, wanted: number) {
  const deadline = performance.now() + ARRIVAL_MS;
  for (;;) {
    const counts = await sink.counts();
    if (counts.messages >= wanted) return counts;
    if (performance.now() > deadline) {
      throw new Error(`${counts.messages} of ${wanted} accepted messages arrived in time`);
    }
    await sleep(50);
  }
}
