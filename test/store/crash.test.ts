/**
 * A crash at every step on the disk, batches and content files: whatever was acknowledged is there
 * whole afterwards, nothing is there by half, and what was under way is in one of its two states.
 * SIGKILL proves the order of writes, not fsync, so the child also asserts that every batch asks
 * for it.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import { openLevelStore } from '../../src/store/leveldb/store.ts';
import type { LevelStore } from '../../src/store/leveldb/store.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import {
  BROUGHT,
  contentBytes,
  ELSEWHERE,
  isChanged,
  JOINED,
  JUDGED,
  LENGTHS,
  PARTED,
  PARTS,
} from './crash-steps.ts';
import { collect } from './sample-mail.ts';
import { StillClock } from './still-clock.ts';

const MAX_STEPS = 100;
/** Each child is killed with so many stores, for to start it takes longest. */
const STORES = 6;
const AT_ONCE = 4;

for (const when of ['before', 'after'] as const) {
  test(`killed ${when} each step, the store keeps its promises`, { timeout: 480_000 }, async () => {
    let kills = 0;
    for (let ended = false; !ended && kills < MAX_STEPS;) {
      const firsts = Array.from({ length: AT_ONCE }, (_, n) => kills + 1 + n * STORES);
      const runs = (await Promise.all(firsts.map((first) => killedFrom(when, first)))).flat();
      ended = runs.includes('done');
      kills += ended ? runs.indexOf('done') : runs.length;
    }
    assert.ok(kills >= 20 && kills < MAX_STEPS, `${kills} steps were killed`);
  });
}

async function killedFrom(when: string, first: number): Promise<('killed' | 'done')[]> {
  const base = await mkdtemp(join(tmpdir(), 'sluice-crash-'));
  try {
    const said = await runChild(base, when, first);
    const runs: ('killed' | 'done')[] = [];
    for (let nth = first; nth < first + STORES; nth++) {
      const lines = said
        .filter((line) => line.startsWith(`${nth} `))
        .map((line) => line.slice(`${nth} `.length));
      if (lines.length === 0) break; // the one before was not killed
      await verify(join(base, String(nth)), lines, `${when} step ${nth}`);
      runs.push(lines.includes('done') ? 'done' : 'killed');
    }
    return runs;
  } finally {
    await rm(base, { recursive: true });
  }
}

function runChild(folder: string, when: string, first: number): Promise<string[]> {
  const script = join(import.meta.dirname, 'crash-child.ts');
  const args = [script, folder, when, String(first), String(first + STORES - 1)];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { timeout: 120_000 }, (error, stdout, stderr) => {
      if (error?.signal === 'SIGKILL') resolve(stdout.split('\n'));
      else reject(new Error(stderr));
    });
  });
}

async function verify(folder: string, lines: readonly string[], what: string): Promise<void> {
  assert.deepEqual(
    lines.filter((line) => /^(failed|unsynced)/.test(line)),
    [],
    what,
  );
  const began = (step: string) => lines.includes(`? ${step}`);
  const acked = (step: string) => lines.includes(`! ${step}`);
  const store = await openStore(folder);
  const { spool, counters } = store;
  const kept = await spool.scan({ limit: 100 });
  const ids = kept.map(({ entry }) => entry.id);
  for (const id of Object.keys(LENGTHS)) {
    const ends = [`complete ${id}`, `remove ${id}`];
    if (acked(`commit ${id}`) && !ends.some(began))
      assert.ok(ids.includes(id), `${what}: ${id} lost`);
    if (!began(`commit ${id}`) || ends.some(acked)) assert.ok(!ids.includes(id), `${what}: ${id}`);
  }
  for (const [part, id] of Object.entries(PARTS)) {
    const { entry } = kept.find((one) => one.entry.id === id) ?? {};
    const isParted = entry?.attempts === PARTED;
    assert.equal(ids.includes(part), isParted, `${what}: ${part} and ${id} are of one step`);
    if (acked(`part ${id}`)) assert.ok(isParted, `${what}: ${part} lost`);
    if (!began(`part ${id}`)) assert.ok(!isParted, `${what}: ${part}`);
  }
  for (const [mail, id] of Object.entries(JOINED)) {
    const isThere = ids.includes(id);
    const isOver = !isThere && acked(`commit ${id}`);
    assert.equal(ids.includes(mail), isOver, `${what}: ${mail} comes when ${id} goes`);
  }
  for (const [brought, id] of Object.entries(BROUGHT)) {
    const { entry } = kept.find((one) => one.entry.id === id) ?? {};
    const isDone = entry !== undefined && isChanged(entry);
    assert.equal(ids.includes(brought), isDone, `${what}: ${brought} comes with the step on ${id}`);
    if (acked(`change ${id}`)) assert.ok(isDone, `${what}: the step on ${id} is lost`);
    if (!began(`change ${id}`)) assert.ok(!isDone, `${what}: a step on ${id}`);
  }
  const given = kept.filter(({ entry }) => entry.dest === ELSEWHERE);
  if (acked('requeue M.1')) assert.equal(given.length, 1, `${what}: M.1 is not given away`);
  if (!began('requeue M.1')) assert.equal(given.length, 0, `${what}: M.1 is given away`);
  let bytes = 0;
  for (const { entry, dueAt } of kept) {
    const content = await collect(spool.readContent(entry.id));
    const stored = contentBytes(entry.id);
    const isJudged = entry.id === 'H.1' && entry.hold === undefined;
    const expected = isJudged ? judged(stored) : stored;
    assert.ok(content.equals(expected), `${what}: content of ${entry.id}`);
    bytes += stored.length;
    if (entry.id === 'H.1') {
      assert.equal(entry.sizeBytes === JUDGED.sizeBytes, isJudged, `${what}: judged by half`);
      if (acked('judge H.1')) assert.ok(isJudged, `${what}: the judgement is lost`);
      if (!began('judge H.1')) assert.ok(!isJudged, `${what}: judged`);
    }
    assert.equal(dueAt === undefined, entry.hold !== undefined);
    if (acked('reschedule A.1') && entry.id === 'A.1') assert.equal(entry.attempts, 1);
    if (acked('release D.1') && entry.id === 'D.1') assert.equal(entry.hold, undefined);
  }
  const waiting = kept.filter(({ dueAt }) => dueAt !== undefined).map(({ entry }) => entry.id);
  const totals = { queued: waiting.length, held: kept.length - waiting.length, bytes };
  assert.deepEqual(spool.totals(), totals, what);
  const away = { queued: given.length, held: 0, bytes: given.length * contentBytes('M.1').length };
  assert.deepEqual(spool.totals(ELSEWHERE), away, what);
  const home = { ...totals, queued: totals.queued - away.queued, bytes: bytes - away.bytes };
  assert.deepEqual(spool.totals('example.com'), home, what);
  const claim = (dest: string) => spool.claim({ dest, n: 99, leaseMs: 1, early: true });
  const leases = [...(await claim('example.com')), ...(await claim(ELSEWHERE))];
  assert.deepEqual(leases.map(({ id }) => id).sort(), waiting.sort(), `${what}: all are claimed`);
  const isHeld = spool.heldDests().length > 0;
  if (acked('holdDest') && !began('resumeDest')) assert.ok(isHeld, `${what}: the hold is lost`);
  if (!began('holdDest') || acked('resumeDest')) assert.ok(!isHeld, `${what}: a hold`);
  const [account, domain] = [await counters.peek('acct:1'), await counters.peek('dom:1')];
  assert.deepEqual(account, domain, `${what}: taken from one and not from the other`);
  if (acked('take')) assert.equal(account.day?.count, 4, `${what}: the count is lost`);
  if (!began('take')) assert.equal(account.day, undefined, `${what}: counted`);
  const lock = await counters.lockOf('acct:1');
  if (acked('lock')) assert.ok(lock, `${what}: the lock is lost`);
  if (!began('lock')) assert.equal(lock, undefined, `${what}: locked`);
  await store.close();
  await noStrays(folder, new Set(ids), what);
}

function judged(stored: Buffer): Buffer {
  const { top, cuts } = JUDGED.edit;
  const [{ start, end }] = cuts;
  return Buffer.concat([top, stored.subarray(0, start), stored.subarray(end)]);
}

/** Nothing lies in the database or beside it that belongs to no message. */
async function noStrays(folder: string, ids: ReadonlySet<string>, what: string): Promise<void> {
  const database = await openDatabase(folder);
  for await (const keys of database.keys({ gte: 'b!', lt: 'p' }))
    for (const key of keys) {
      const [letter, first, , last] = key.split('!');
      if (letter === 'c' || letter === 'n') continue; // counters and tallies belong to no message
      const id = letter === 'd' ? last : first;
      assert.ok(ids.has(id ?? ''), `${what}: stray key ${key} of ${letter}`);
    }
  await database.close();
  for (const name of await readdir(join(folder, 'content')))
    assert.ok(ids.has(name), `${what}: stray file ${name}`);
}

function openStore(folder: string): Promise<LevelStore> {
  return openLevelStore({
    folder,
    minFreeBytes: 0,
    clock: new StillClock(),
    log: new RecordedLog(),
    onFailure: (error) => assert.fail(error),
  });
}
