/**
 * What filters cost the gateway itself: `npm run bench:filters`. Its own CPU for a message of 10 KB with
 * no filter, clamd, clamd and spamd, and for a signed message with and without `sender-auth`; messages a
 * second with clamd alone, against plain clients of the same clamd. All rows in turn, for several rounds;
 * each gateway is warmed up, with a stand-in in place of spamd, and CPU counts until it has come to rest.
 * Beside it the same clamd and spamd behind Postfix, by milters: a figure of one machine says little.
 * What an idle gateway takes is printed besides: at spamd's few messages a second it is a part of the
 * figure, and caches are cold, so there is a row with the stand-in too.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { dkimSign } from 'mailauth';
import { recordText } from '../src/dkim/record.ts';
import { makeKey, parseSigningKey } from '../src/dkim/signing-key.ts';
import { DnsServer } from '../test/support/dns-server.ts';
import type { SinkProcess } from './children.ts';
import { runSourceProcess, startSinkProcess } from './children.ts';
import { untilAtRest } from './measurement.ts';
import { makeContent, makeHeader } from './message.ts';
import { postfixWithMilters } from './peers/milters.ts';
import { freePort, makeFolder, removeFolder } from './peers/peer.ts';
import type { InstantSpamd, Scanners } from './peers/scanners.ts';
import {
  clamdClient,
  missingScanners,
  startInstantSpamd,
  startScanners,
} from './peers/scanners.ts';
import { sluice } from './peers/sluice.ts';
import { cpuSeconds } from './process-tree.ts';
import { median } from './statistics.ts';

const SIZE = 10_240;
const SESSIONS = 10;
/** As many as two spamd children can make use of. */
const SPAMD_SESSIONS = 4;
const STEADY = { sessions: SESSIONS, size: SIZE, perConnection: 1, pipeline: false, unknown: 0 };
const WARM_UP = { count: 5000, maxMs: 15_000 };
const MILTERS_WARM_UP_MS = 5000;
/** CPU is counted in hundredths of a second. */
const IDLE_MS = 10_000;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
if (!(rounds >= 1 && rounds <= 20 && seconds >= 1 && seconds <= 120)) {
  console.error('usage: npm run bench:filters -- [--rounds 1-20] [--seconds 1-120] [--rows WORD]');
  process.exit(64);
}

interface Ports {
  readonly clamdPort: number;
  /** Of the stand-in. */
  readonly spamdPort: number;
}

interface Row {
  readonly name: string;
  readonly plugins: (ports: Ports) => readonly string[];
  readonly isSigned?: boolean;
  readonly hasSpamd?: boolean;
}

const clamav = ({ clamdPort }: Ports) => `clamav: { address: "127.0.0.1:${clamdPort}" }`;
const both = (ports: Ports) => [
  clamav(ports),
  `spamassassin: { address: "127.0.0.1:${ports.spamdPort}" }`,
];

/** The row that is held against Postfix with milters. */
const BOTH = 'clamd and spamd';

const ROWS: readonly Row[] = [
  { name: 'no filter', plugins: () => [] },
  { name: 'clamd', plugins: (ports) => [clamav(ports)] },
  { name: BOTH, plugins: both, hasSpamd: true },
  { name: 'clamd and a spamd that answers at once', plugins: both },
  { name: 'no filter, signed', plugins: () => [], isSigned: true },
  { name: 'sender-auth, signed', plugins: () => ['sender-auth'], isSigned: true },
];

const why = missingScanners() ?? sluice.missing();
if (why === undefined) await run();
else console.log(`left out: ${why}`);

async function run(): Promise<void> {
  const folder = makeFolder('filters');
  const scanners = await startScanners(folder);
  const instant = await startInstantSpamd();
  const sink = await startSinkProcess();
  const signed = join(folder, 'signed.eml');
  const dns = await new DnsServer(await writeSigned(signed)).start();
  const found = new Map<string, { cpuMs: number[]; perSecond: number[] }>();
  const note = (name: string, perSecond: number, cpuMs: number) => {
    const row = found.get(name) ?? { cpuMs: [], perSecond: [] };
    found.set(name, row);
    row.cpuMs.push(cpuMs);
    row.perSecond.push(perSecond);
  };
  const lacking = postfixWithMilters.missing();
  const hasMilters = lacking === undefined && BOTH.includes(values.rows);
  try {
    console.log(`clamd with ${scanners.signatures}`);
    if (lacking !== undefined) console.log(`${postfixWithMilters.name} left out: ${lacking}`);
    for (let round = 1; round <= rounds; round++) {
      note('plain clients of clamd', await clamdAlone(scanners.clamdPort), 0);
      const scene = { scanners, instant, sink, signed, dns: dns.address };
      if (hasMilters) {
        const { perSecond, cpuMs } = await measureMilters(join(folder, `${round}-m`), scene);
        note(postfixWithMilters.name, perSecond, cpuMs);
        console.log(
          `#${round} ${postfixWithMilters.name}: ${perSecond.toFixed(0)}/s, ${cpuMs.toFixed(2)} ms of CPU a message`,
        );
      }
      for (const [index, row] of ROWS.entries()) {
        if (!row.name.includes(values.rows)) continue;
        // Short: the path of a socket below it is bounded.
        const own = join(folder, `${round}-${index}`);
        const measured = await measure(row, own, scene);
        note(row.name, measured.perSecond, measured.cpuMs);
        console.log(
          `#${round} ${row.name}: ${measured.perSecond.toFixed(0)}/s, ${measured.cpuMs.toFixed(2)} ms of CPU a message; ` +
            `idle ${measured.idleMs.toFixed(1)} ms a second`,
        );
      }
    }
    for (const [name, { cpuMs, perSecond }] of found) {
      console.log(
        `${name}: median ${median(perSecond).toFixed(0)}/s, ${median(cpuMs).toFixed(2)} ms`,
      );
    }
    const of = (name: string) => found.get(name) ?? { cpuMs: [], perSecond: [] };
    const auth = of('sender-auth, signed').cpuMs.map(
      (ms, i) => ms - (of('no filter, signed').cpuMs[i] ?? 0),
    );
    const raw = of('clamd').perSecond.map(
      (rate, i) => rate / (of('plain clients of clamd').perSecond[i] ?? 1),
    );
    const share = of(BOTH).cpuMs.map((ms, i) => ms / (of(postfixWithMilters.name).cpuMs[i] ?? NaN));
    console.log(`${BOTH}: ${median(share).toFixed(2)} of the CPU of ${postfixWithMilters.name}`);
    console.log(`authentication of one signature: ${median(auth).toFixed(2)} ms more`);
    console.log(`clamd through the gateway: ${median(raw).toFixed(2)} of what plain clients get`);
  } finally {
    await dns.stop();
    await sink.stop();
    instant.stop();
    await scanners.stop();
    removeFolder(folder);
  }
}

interface Scene {
  readonly scanners: Scanners;
  readonly instant: InstantSpamd;
  readonly sink: SinkProcess;
  readonly signed: string;
  readonly dns: string;
}

async function measure(row: Row, folder: string, scene: Scene) {
  const { scanners, instant, sink, signed, dns } = scene;
  mkdirSync(folder);
  const port = await freePort();
  const running = await sluice.start({
    ...{ folder, port, destinationPort: sink.port, mode: 'relay' },
    plugins: row.plugins({ clamdPort: scanners.clamdPort, spamdPort: instant.port }),
    node: `dns: { servers: ["${dns}"] }`,
  });
  try {
    const load = { ...STEADY, port, ...(row.isSigned === true && { messageFile: signed }) };
    const isSlow = row.hasSpamd === true;
    await runSourceProcess({ ...load, ...WARM_UP });
    await untilAtRest(running.pid);
    const idle = cpuSeconds(running.pid);
    await sleep(IDLE_MS);
    const before = cpuSeconds(running.pid);
    if (isSlow) instant.handOnTo(scanners.spamdPort);
    const sessions = isSlow ? SPAMD_SESSIONS : SESSIONS;
    const own = { sessions, count: 200_000, maxMs: seconds * 1000 };
    const result = await runSourceProcess({ ...load, ...own });
    if (result.errors > 0) throw new Error(`${row.name}: ${result.samples.join('; ')}`);
    await untilAtRest(running.pid);
    return {
      perSecond: result.perSecond,
      cpuMs: ((cpuSeconds(running.pid) - before) * 1000) / Math.max(1, result.done),
      idleMs: ((before - idle) * 1e6) / IDLE_MS,
    };
  } finally {
    instant.handOnTo(undefined);
    await running.stop();
  }
}

/** The same clamd and spamd behind Postfix; its processes are warmed up by them, too. */
async function measureMilters(folder: string, { scanners, sink }: Scene) {
  mkdirSync(folder, { mode: 0o755 });
  const port = await freePort();
  const own = { folder, port, destinationPort: sink.port, mode: 'relay' } as const;
  const running = await postfixWithMilters.start(own, scanners);
  const cpu = () => running.pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  try {
    const load = { ...STEADY, port, sessions: SPAMD_SESSIONS, count: 200_000 };
    await runSourceProcess({ ...load, maxMs: MILTERS_WARM_UP_MS });
    const before = cpu();
    const result = await runSourceProcess({ ...load, maxMs: seconds * 1000 });
    if (result.errors > 0)
      throw new Error(`${postfixWithMilters.name}: ${result.samples.join('; ')}`);
    await untilAtRest(running.pid);
    return {
      perSecond: result.perSecond,
      cpuMs: ((cpu() - before) * 1000) / Math.max(1, result.done),
    };
  } finally {
    await running.stop();
  }
}

/**
 * Messages a second that as many plain clients get out of clamd, on connections that they keep. Each
 * message is another one, as it is through the gateway: clamd remembers what it found clean.
 */
async function clamdAlone(port: number): Promise<number> {
  const body = makeContent(SIZE).subarray(0, -3);
  const startedAt = performance.now();
  const deadline = startedAt + seconds * 1000;
  let done = 0;
  const client = async () => {
    const clamd = await clamdClient(port);
    while (performance.now() < deadline) {
      await clamd.scan(Buffer.concat([Buffer.from(makeHeader(done++)), body]));
    }
    clamd.close();
  };
  await Promise.all(Array.from({ length: SESSIONS }, client));
  return (done * 1000) / (performance.now() - startedAt);
}

/** A message with one signature, and the DNS that proves it. */
async function writeSigned(file: string) {
  const pem = await makeKey('rsa2048');
  const key = parseSigningKey(pem);
  if (!key.ok) throw new Error(key.problem);
  const mail = Buffer.concat([Buffer.from(makeHeader(1)), makeContent(SIZE).subarray(0, -3)]);
  const identity = { signingDomain: 'source.test', selector: 's', privateKey: pem };
  const { signatures } = await dkimSign(mail, { ...identity, signatureData: [identity] });
  writeFileSync(file, Buffer.concat([Buffer.from(signatures), mail]));
  const record = recordText(key.value).match(/.{1,255}/g) ?? [];
  return {
    'source.test': { txt: ['v=spf1 ip4:127.0.0.1 -all'] },
    '_dmarc.source.test': { txt: ['v=DMARC1; p=reject'] },
    's._domainkey.source.test': { txt: [record] },
  };
}
