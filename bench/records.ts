/**
 * The records of the trace: `npm run bench:records`. Makes records of ordinary mail for as many days
 * as are kept, through the gateway's own code and into the database it uses, and says what one costs
 * in time, CPU and on disk; then searches them in each of the ways that people do. `--folder` keeps
 * what was made, and finds it again.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/base/clock.ts';
import { createIds } from '../src/base/ids.ts';
import type { EventName, Fields } from '../src/base/log.ts';
import { LEVEL_OF } from '../src/base/log.ts';
import { Collector } from '../src/records/collector.ts';
import { TraceBook } from '../src/records/trace-book.ts';
import type { TraceQuery } from '../src/records/trace-query.ts';
import { openLevelRecords } from '../src/store/leveldb/record-store.ts';
import type { RecordSegment, RecordStore } from '../src/store/record-store.ts';
import { percentile } from './statistics.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    days: { type: 'string', default: '30' },
    searches: { type: 'string', default: '200' },
    folder: { type: 'string' },
  },
});
const count = Number(values.count);
const days = Number(values.days);
const searches = Number(values.searches);
if (!(count >= 100 && days >= 1 && days <= 3650 && searches >= 1)) {
  console.error(
    'usage: npm run bench:records -- [--count N] [--days N] [--searches N] [--folder F]',
  );
  process.exit(64);
}

const GROUP = 64;
const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 5, 1);
/** Customers of a mid-sized gateway; the first ones have most of the mail. */
const CUSTOMERS = 200;
const USERS = 50;
const SENDERS = 100_000;
const CLIENTS = 20_000;

/** Small numbers are much more frequent than large ones. */
function skewed(n: number, bound: number): number {
  // A fixed mixture, so that a second run makes and asks for the same.
  const part = ((n * 2_654_435_761) % 2 ** 32) / 2 ** 32;
  return Math.floor(part ** 3 * bound);
}

const customer = (n: number) => `customer${skewed(n, CUSTOMERS)}.example`;
const recipient = (n: number) => `user${skewed(n * 7, USERS)}@${customer(n)}`;
const sender = (n: number) => {
  const one = skewed(n * 3, SENDERS);
  return `name${one}@sender${one % 5000}.example`;
};
const client = (n: number) => {
  const one = skewed(n * 5, CLIENTS);
  return `198.${18 + (one >> 16)}.${(one >> 8) & 255}.${one & 255}`;
};
const subjectWord = (n: number) => `word${skewed(n * 11, 5000)}`;
const messageId = (n: number) =>
  `${n.toString(36)}.bench@sender${skewed(n * 3, SENDERS) % 5000}.example`;
const remoteOf = (n: number) => `4b${n.toString(36).toUpperCase().padStart(8, '0')}`;

type See = (evt: EventName, fields: Fields, kept?: Fields['kept']) => void;

/** What the gateway logs of one message: nine in ten delivered at once, the rest refused or late. */
function mail(see: See, n: number, sid: string): void {
  const id = `${sid}.1`;
  const ip = client(n);
  const [from, to, dest] = [sender(n), recipient(n), customer(n)];
  see('smtp.open', { ip, sid, listener: 'mx', port: 40_000 + (n % 20_000) });
  see('smtp.tls', { ip, sid, proto: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' });
  const common = { ip, sid, id, helo: `mail.sender${n % 5000}.example`, from };
  if (n % 20 === 0) {
    const refusal = { why: 'unknown_rcpt', code: 550, enh: '5.1.1', text: `<${to}>: unknown` };
    see('smtp.reject.rcpt', { ...common, to, ...refusal });
    see('msg.in', {
      ...common,
      dir: 'in',
      res: 'reject',
      listener: 'mx',
      rcpts: '0/0/1',
      ...refusal,
    });
    see('smtp.close', { ip, sid, end: 'quit', errors: 0, transactions: 1, ms: 60 });
    return;
  }
  const tests = ['HTML_MESSAGE', 'DKIM_VALID', 'SPF_PASS'];
  see('scan.result', { sid, id, engine: 'clamav', verdict: 'pass', ms: 12 });
  see('scan.result', {
    sid,
    id,
    engine: 'spamassassin',
    verdict: 'pass',
    score: 1.2,
    tests,
    ms: 190,
  });
  const way = { id, sid, dest, rhost: 'mail.example', rip: '192.0.2.10', tls: 'TLSv1.3', to };
  const isLate = n % 20 === 1;
  if (!isLate) {
    const text = `250 2.0.0 Ok: queued as ${remoteOf(n)}`;
    see('rcpt.sent', { ...way, code: 250, enh: '2.0.0', text, delay: 0.4, try: 1 });
    see('msg.done', { id, sid, res: 'delivered', delay: 0.4, tries: 1 });
  }
  const answer = { code: 250, enh: '2.0.0', text: `Ok: ${id} ${isLate ? 'queued' : 'delivered'}` };
  see(
    'msg.in',
    {
      ...{ ...common, dir: 'in', res: 'accept', listener: 'mx', to, rcpts: '1/0/0', dest },
      ...{ tls: 'TLSv1.3', size: 12_033, msgid: `<${messageId(n)}>`, score: 1.2, scan_ms: 191 },
      ...{ how: isLate ? 'queued' : 'delivered', ...answer, ms: 420 },
    },
    { subject: `${subjectWord(n)} ${subjectWord(n + 1)} of message` },
  );
  see('smtp.close', { ip, sid, end: 'quit', errors: 0, transactions: 1, ms: 460 });
}

async function fill(store: RecordStore): Promise<void> {
  let at = START;
  const clock = { ...systemClock, now: () => at, timer: () => ({ restart() {}, stop() {} }) };
  const waiting: RecordSegment[] = [];
  const collector = new Collector({ clock, take: (segment) => waiting.push(segment) });
  const ids = createIds(clock);
  const see: See = (evt, fields, kept) =>
    collector.see({ at, level: LEVEL_OF[evt], evt, fields }, kept);
  const began = performance.now();
  const cpu = process.cpuUsage();
  const step = (days * DAY_MS) / count;
  for (let n = 0; n < count; n++) {
    at = START + Math.floor(n * step);
    mail(see, n, ids.session());
    if (n % GROUP !== GROUP - 1 && n !== count - 1) continue;
    collector.flush();
    await store.append(waiting.splice(0));
  }
  const ms = performance.now() - began;
  const used = process.cpuUsage(cpu);
  const cpuMs = (used.user + used.system) / 1000;
  console.log(
    `written: ${count} records in ${(ms / 1000).toFixed(1)} s, ${Math.round((count / ms) * 1000)} a second, ` +
      `${((cpuMs / count) * 1000).toFixed(1)} us of CPU each`,
  );
}

async function bytesIn(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    sum += (await stat(join(folder, name))).size;
  }
  return sum;
}

const some = (n: number) => (n * 7919 + 13) % count;

/** A message that was delivered at once, so that all terms are there. */
const plain = (n: number) => some(n) - (some(n) % 20) + 5;

const KINDS: Readonly<Record<string, (n: number) => Partial<TraceQuery>>> = {
  'sender, exact': (n) => ({ from: sender(some(n)) }),
  'recipient, exact': (n) => ({ to: recipient(some(n)) }),
  'address, either': (n) => ({ text: sender(some(n)) }),
  'sender, @domain': (n) => ({ from: sender(some(n)).replace(/^.*@/, '@') }),
  'sender, beginning': (n) => ({ from: `${sender(some(n)).slice(0, -10)}*` }),
  'client address': (n) => ({ client: client(some(n)) }),
  'Message-ID': (n) => ({ text: `<${messageId(plain(n))}>` }),
  'remote id': (n) => ({ text: remoteOf(plain(n)) }),
  'subject, two words': (n) => ({ subject: `${subjectWord(some(n))} ${subjectWord(some(n) + 1)}` }),
  'customer, newest 100': (n) => ({ domain: customer(some(n)) }),
  'customer and sender': (n) => ({ domain: customer(some(n)), from: sender(some(n)) }),
  'customer and recipient, 1 day': (n) => {
    const at = START + (some(n) / count) * days * DAY_MS;
    return { domain: customer(some(n)), to: recipient(some(n)), since: at - DAY_MS, until: at };
  },
  'customer, rejected': (n) => ({ domain: customer(some(n)), result: 'rejected' }),
  'rejected, newest 100': () => ({ result: 'rejected' }),
  'nobody, exact': (n) => ({ from: `nobody${n}@nowhere.example` }),
  'newest 100': () => ({}),
};

async function search(store: RecordStore): Promise<void> {
  const book = new TraceBook({
    traces: { timeline: () => undefined },
    flush: async () => store,
    pseudonyms: () => undefined,
  });
  console.log('\n| search | rows | p50 ms | p99 ms | longest hold of the event loop, ms |');
  console.log('| --- | --- | --- | --- | --- |');
  await book.search({ from: 'warm@up.example', limit: 1 });
  for (const [kind, query] of Object.entries(KINDS)) {
    const took: number[] = [];
    let rows = 0;
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    for (let n = 0; n < searches; n++) {
      const began = performance.now();
      const page = await book.search({ limit: 100, ...query(n) });
      took.push(performance.now() - began);
      rows += page.rows.length;
    }
    delay.disable();
    took.sort((a, b) => a - b);
    const figures = [percentile(took, 0.5), percentile(took, 0.99), delay.max / 1e6];
    const texts = figures.map((figure) => figure.toFixed(1));
    console.log(`| ${kind} | ${(rows / searches).toFixed(1)} | ${texts.join(' | ')} |`);
  }
}

const folder = values.folder ?? (await mkdtemp(join(tmpdir(), 'sluice-bench-records-')));
const onDamage = (day: string, text: string) => console.error(`${day}: ${text}`);
const open = () => openLevelRecords({ folder, clock: systemClock, onDamage });
try {
  const isThere = existsSync(folder) && (await readdir(folder)).length > 0;
  let store = await open();
  if (!isThere) await fill(store);
  await store.close();
  const began = performance.now();
  store = await open();
  await store.days();
  console.log(`opened, all days: ${Math.round(performance.now() - began)} ms`);
  console.log(`on disk: ${Math.round((await bytesIn(folder)) / count)} bytes a record`);
  await search(store);
  await store.close();
} finally {
  if (values.folder === undefined) await rm(folder, { recursive: true, force: true });
}
