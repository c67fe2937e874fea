/**
 * What the gateway costs beside the scanners: `npm run bench:scanners`. Messages a second through the
 * gateway with clamd and spamd on, against the same spamd asked directly, both with four sessions, in
 * turn, for several rounds; the ratio should be near 1, for spamd is the slowest part by far.
 */
import { parseArgs } from 'node:util';
import { runSourceProcess, startSinkProcess } from './children.ts';
import { makeContent, makeHeader } from './message.ts';
import { freePort, makeFolder, removeFolder } from './peers/peer.ts';
import { askSpamd, missingScanners, startScanners } from './peers/scanners.ts';
import type { Scanners } from './peers/scanners.ts';
import { sluice } from './peers/sluice.ts';
import { cpuSeconds } from './process-tree.ts';
import { median } from './statistics.ts';

const SESSIONS = 4;
const SIZE = 10_240;
/** Content above this is not given to spamd: with it the gateway is warmed up, for spamd takes ten a second. */
const SPAMD_MAX_KIB = 20;
const WARM_UP = { size: 2 * SPAMD_MAX_KIB * 1024, count: 5000, maxMs: 60_000 };
const SPAMD_WARM_UP_MS = 5000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '20' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
if (!(rounds >= 1 && rounds <= 20 && seconds >= 1 && seconds <= 120)) {
  console.error('usage: npm run bench:scanners -- [--rounds 1-20] [--seconds 1-120]');
  process.exit(64);
}
const why = missingScanners() ?? sluice.missing();
if (why === undefined) await run();
else console.log(`left out: ${why}`);

async function run(): Promise<void> {
  const folder = makeFolder('scanners');
  const scanners = await startScanners(folder);
  const sink = await startSinkProcess();
  try {
    console.log(`clamd with ${scanners.signatures}`);
    const { clamdPort, spamdPort } = scanners;
    const port = await freePort();
    const running = await sluice.start({
      folder,
      port,
      destinationPort: sink.port,
      mode: 'relay',
      plugins: [
        `clamav: { address: "127.0.0.1:${clamdPort}" }`,
        `spamassassin: { address: "127.0.0.1:${spamdPort}", max_size: ${SPAMD_MAX_KIB}KiB }`,
      ],
    });
    try {
      await compare(port, running.pid, scanners);
    } finally {
      await running.stop();
    }
  } finally {
    await sink.stop();
    await scanners.stop();
    removeFolder(folder);
  }
}

async function compare(
  port: number,
  gatewayPid: number,
  { spamdPort, spamdPid, clamdPid }: Scanners,
): Promise<void> {
  const load = { port, sessions: SESSIONS, size: SIZE, count: 100_000 };
  const steady = { perConnection: 1, pipeline: false, unknown: 0 };
  await runSourceProcess({ ...load, ...steady, ...WARM_UP });
  await runSourceProcess({ ...load, ...steady, maxMs: SPAMD_WARM_UP_MS });
  const ratios: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const cpu = [cpuSeconds(spamdPid)];
    const direct = await spamdAlone(spamdPort);
    cpu.push(cpuSeconds(spamdPid));
    const before = [gatewayPid, clamdPid].map(cpuSeconds);
    const ours = await runSourceProcess({ ...load, ...steady, maxMs: seconds * 1000 });
    cpu.push(cpuSeconds(spamdPid));
    const used = [gatewayPid, clamdPid].map((pid, i) => cpuSeconds(pid) - (before[i] ?? 0));
    const [own, clamd] = used.map((s) => ((s * 1000) / Math.max(1, ours.done)).toFixed(1));
    const alone = direct.perSecond;
    const each = (i: number, done: number) =>
      (((cpu[i + 1] ?? 0) - (cpu[i] ?? 0)) / Math.max(1, done)).toFixed(2);
    ratios.push(ours.perSecond / alone);
    console.log(
      `#${round} spamd alone ${alone.toFixed(2)}/s, through the gateway ${ours.perSecond.toFixed(2)}/s ` +
        `(p50/p99 ${ours.p50Ms.toFixed(0)}/${ours.p99Ms.toFixed(0)} ms, ${ours.errors} errors), ` +
        `ratio ${(ours.perSecond / alone).toFixed(2)}; ` +
        `spamd's CPU per message ${each(0, direct.done)} and ${each(1, ours.done)} s, the gateway's ${own} ms, clamd's ${clamd} ms`,
    );
    for (const sample of ours.samples) console.log(`    ${sample}`);
  }
  console.log(`median ratio ${median(ratios).toFixed(2)}`);
}

/** Messages a second that the same number of plain clients get out of spamd. */
async function spamdAlone(port: number): Promise<{ done: number; perSecond: number }> {
  const body = makeContent(SIZE);
  const startedAt = performance.now();
  let done = 0;
  const client = async () => {
    while (performance.now() < startedAt + seconds * 1000) {
      const message = Buffer.concat([Buffer.from(makeHeader(done)), body.subarray(0, -3)]);
      await askSpamd(port, message);
      done++;
    }
  };
  await Promise.all(Array.from({ length: SESSIONS }, client));
  return { done, perSecond: (done * 1000) / (performance.now() - startedAt) };
}
