/**
 * The comparison with other mail servers: `npm run bench -- [options]`. Peers run in turn (A B C A B C
 * ...) so that what else the machine does hits all of them alike; each figure is the median of the
 * rounds, each ratio the median of the ratios to Postfix within a round. README.md beside this file
 * says what each row means; docs/performance.md holds results.
 */
import { appendFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { runSourceProcess, startSinkProcess } from './children.ts';
import { measure } from './measurement.ts';
import type { Measured, Row } from './measurement.ts';
import { haraka } from './peers/haraka.ts';
import type { Peer } from './peers/peer.ts';
import { postfix } from './peers/postfix.ts';
import { sluice } from './peers/sluice.ts';
import { median } from './statistics.ts';

const PEERS: readonly Peer[] = [postfix, haraka, sluice];
const TEN_KB = 10_240;
const MB = 1_000_000;
const SESSIONS = [1, 20, 100, 500];

const ROWS: readonly Row[] = [
  ...SESSIONS.map((n) => mailRow('up', `up-${n}`, `up, 10 KB, ${n} sessions`, n, TEN_KB)),
  mailRow('up', 'up-1mb', 'up, 1 MB, 20 sessions', 20, MB),
  mailRow('up', 'up-10mb', 'up, 10 MB, 20 sessions', 20, 10 * MB),
  ...SESSIONS.map((n) => mailRow('down', `down-${n}`, `down, 10 KB, ${n} sessions`, n, TEN_KB)),
  mailRow('down', 'down-100kb', 'down, 100 KB, 20 sessions', 20, 10 * TEN_KB),
  mailRow('down', 'down-1mb', 'down, 1 MB, 20 sessions', 20, MB),
  mailRow('down', 'down-10mb', 'down, 10 MB, 20 sessions', 20, 10 * MB),
  unknownRow(10),
  unknownRow(100),
  mailRow('drain', 'drain', 'drain of the queue, 10 KB', 20, TEN_KB),
];

function mailRow(
  kind: Row['kind'],
  name: string,
  text: string,
  sessions: number,
  size: number,
): Row {
  return {
    kind,
    name,
    text: text.replace(' 1 sessions', ' 1 session'),
    sessions,
    size,
    unknown: 0,
  };
}

function unknownRow(unknown: number): Row {
  const text = `unknown recipients, ${unknown} per connection`;
  return { kind: 'unknown', name: `unknown-${unknown}`, text, sessions: 20, size: 0, unknown };
}

const USAGE = `usage: npm run bench -- [--rows up-20,down-20,...] [--peers postfix,haraka,sluice]
         [--rounds 3] [--seconds 5] [--drain 10000] [--pipeline] [--json FILE]
rows: ${ROWS.map((row) => row.name).join(' ')} (or a beginning: up, down, unknown)`;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '' },
    peers: { type: 'string', default: PEERS.map((peer) => peer.name).join(',') },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    drain: { type: 'string', default: '10000' },
    pipeline: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const chosen = values.rows.split(',');
const rows = ROWS.filter(({ name }) =>
  chosen.some((c) => name === c || (!ROWS.some((r) => r.name === c) && name.startsWith(c))),
);
const rounds = bounded(values.rounds, 1, 50);
const pace = {
  seconds: bounded(values.seconds, 1, 120),
  drain: bounded(values.drain, 10, 200_000),
  pipeline: values.pipeline,
};
const named = values.peers.split(',');
if (values.help || rows.length === 0) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 64);
}
const peers = PEERS.filter((peer) => named.includes(peer.name)).filter((peer) => {
  const why = peer.missing();
  if (why !== undefined) console.log(`${peer.name} is left out: ${why}`);
  return why === undefined;
});

console.log(
  `${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}`,
);
await ceiling();
const table = [head()];
for (const row of rows) {
  const results = new Map<string, (Measured | undefined)[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const peer of peers) {
      const measured = await attempt(peer, row, round);
      results.set(peer.name, [...(results.get(peer.name) ?? []), measured]);
    }
  }
  for (const peer of peers) table.push(line(row, peer.name, results));
}
console.log(
  `\nmedian of ${rounds} rounds, x = times Postfix in the same round\n\n${table.join('\n')}`,
);

/** What source and sink do without anything between them: no peer can be measured beyond that. */
async function ceiling(): Promise<void> {
  const sink = await startSinkProcess();
  const load = { port: sink.port, sessions: 20, count: 100_000, maxMs: 2000, size: TEN_KB };
  const rest = { perConnection: 1, pipeline: pace.pipeline, unknown: 0 };
  const { perSecond, ownCpuSeconds, done } = await runSourceProcess({ ...load, ...rest });
  await sink.stop();
  const cpu = ((ownCpuSeconds * 1000) / Math.max(1, done)).toFixed(2);
  console.log(`source straight to sink: ${perSecond.toFixed(0)}/s, source's CPU ${cpu} s/1000\n`);
}

async function attempt(peer: Peer, row: Row, round: number): Promise<Measured | undefined> {
  const label = `${row.name} #${round} ${peer.name}`.padEnd(28);
  try {
    const measured = await measure(peer, row, pace);
    console.log(`${label} ${one(measured)}`);
    for (const sample of measured.samples) console.log(`    ${sample}`);
    if (values.json !== undefined) {
      const record = { row: row.name, round, peer: peer.name, ...measured };
      appendFileSync(values.json, `${JSON.stringify(record)}\n`);
    }
    return measured;
  } catch (error) {
    console.log(`${label} failed: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function one(m: Measured): string {
  const noticed =
    m.noticedMs === undefined ? '' : `, first after ${(m.noticedMs / 1000).toFixed(1)} s`;
  return (
    `${m.perSecond.toFixed(0)}/s, CPU ${m.cpuPerThousand.toFixed(2)} s/1000, ` +
    `p50/p99 ${m.p50Ms.toFixed(1)}/${m.p99Ms.toFixed(1)} ms, ${m.errors} errors${noticed}`
  );
}

function head(): string {
  return (
    '| row | server | per second | x | CPU s/1000 | x | p50/p99 ms | errors |\n' +
    '|---|---|---|---|---|---|---|---|'
  );
}

function line(
  row: Row,
  name: string,
  results: ReadonlyMap<string, (Measured | undefined)[]>,
): string {
  const own = results.get(name) ?? [];
  const base = results.get('postfix') ?? [];
  const of = (pick: (m: Measured) => number) => median(own.flatMap((m) => (m ? [pick(m)] : [])));
  if (own.every((m) => m === undefined)) return `| ${row.text} | ${name} | | | | | | failed |`;
  const ratio = (pick: (m: Measured) => number) => {
    const pairs = own.flatMap((m, i) => {
      const other = base[i];
      return m && other && pick(other) > 0 ? [pick(m) / pick(other)] : [];
    });
    return pairs.length === 0 ? '' : median(pairs).toFixed(2);
  };
  const rate = (m: Measured) => m.perSecond;
  const cpu = (m: Measured) => m.cpuPerThousand;
  const times =
    row.kind === 'drain' ? '' : `${of((m) => m.p50Ms).toFixed(1)}/${of((m) => m.p99Ms).toFixed(1)}`;
  const cells = [
    row.text,
    name,
    of(rate).toFixed(0),
    ratio(rate),
    of(cpu).toFixed(2),
    ratio(cpu),
    times,
    own.some((m) => m === undefined)
      ? 'failed'
      : String(own.reduce((n, m) => n + (m?.errors ?? 0), 0)),
  ];
  return `| ${cells.join(' | ')} |`;
}

function bounded(text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  console.error(`${text} is not a whole number from ${least} to ${most}\n${USAGE}`);
  process.exit(64);
}
