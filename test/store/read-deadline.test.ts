/** Reads of a store whose disk stands still. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { CodedError } from '../../src/base/errors.ts';
import type { Database } from '../../src/store/leveldb/database.ts';
import { LOAD_PLACES } from '../../src/store/leveldb/due-window.ts';
import { ReadDeadline } from '../../src/store/leveldb/read-deadline.ts';
import { until } from '../support/until.ts';
import { levelFixture } from './level-fixture.ts';
import { bytesOf, collect, contentOf, entry } from './sample-mail.ts';
import { StillClock } from './still-clock.ts';

const SILENT = { code: 'STORE_SILENT' };
const CLAIM = { dest: 'example.com', n: 9, leaseMs: 1_000_000 };

test('a read that hangs is given up in time; what comes meanwhile is not begun', async () => {
  const clock = new StillClock();
  const told: CodedError[] = [];
  const reads = new ReadDeadline(clock, (error) => told.push(error));
  const hanging = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const failed = hanging.map(({ promise }) =>
    assert.rejects(
      reads.run(() => promise),
      SILENT,
    ),
  );
  clock.move(59_999);
  assert.equal(told.length, 0);
  clock.move(1);
  await Promise.all(failed);
  let begun = 0;
  const next = async () => (begun += 1);
  hanging[0]?.resolve('late');
  await hanging[0]?.promise;
  await assert.rejects(reads.run(next), SILENT, 'one is still out');
  hanging[1]?.reject(new Error('late'));
  await hanging[1]?.promise.catch(() => undefined);
  assert.equal(await reads.run(next), 1);
  assert.equal(told.length, 1, 'told once');
  await assert.rejects(
    reads.run(() => Promise.reject(new Error('as it is'))),
    /as it is/,
  );
});

/** A store whose reads hang while `still` says so. */
async function stillStore() {
  const clock = new StillClock();
  const waiting: (() => void)[] = [];
  const disk = {
    clock,
    waiting,
    isStill: false,
    goOn: () => {
      disk.isStill = false;
      for (const wake of waiting.splice(0)) wake();
    },
  };
  const whenOn = () =>
    disk.isStill ? new Promise<void>((resolve) => waiting.push(resolve)) : Promise.resolve();
  async function* late<T>(all: AsyncIterable<T>): AsyncIterable<T> {
    await whenOn();
    yield* all;
  }
  const wrap = (database: Database): Database => ({
    ...database,
    get: (key) => whenOn().then(() => database.get(key)),
    has: (key) => whenOn().then(() => database.has(key)),
    getMany: (keys) => whenOn().then(() => database.getMany(keys)),
    keys: (range) => late(database.keys(range)),
    entries: (range) => late(database.entries(range)),
  });
  return { disk, fixture: await levelFixture({ clock, wrap }) };
}

test('every read of the store has that deadline, and the store goes on with the disk', async (t) => {
  const { disk, fixture } = await stillStore();
  t.after(() => fixture.close());
  const { log, failures } = fixture;
  const { spool, ttl, counters } = fixture.store;
  await spool.commit(entry('A.1'), 0, contentOf(bytesOf(1000)));
  await ttl.put('rcpt', 'a', new Uint8Array(1), 1_000_000);
  const asks: readonly (() => Promise<unknown>)[] = [
    () => spool.get('A.1'),
    () => spool.commit(entry('A.1'), 0, contentOf(bytesOf(1000))),
    () => spool.scan({ limit: 9 }),
    () => collect(spool.readContent('A.1')),
    () => ttl.get('rcpt', 'a'),
    () => ttl.list('rcpt', { limit: 9 }),
    () => counters.peek('k'),
    () => counters.list({ limit: 9 }),
  ];
  for (const ask of asks) {
    disk.isStill = true;
    const failed = assert.rejects(ask(), SILENT, String(ask));
    await until('it to wait', () => disk.waiting.length > 0);
    disk.clock.move(60_000);
    await failed;
    disk.goOn();
    await until(`to go on: ${String(ask)}`, () =>
      ask().then(
        () => true,
        () => false,
      ),
    );
  }
  assert.deepEqual(failures, [], 'nothing that was written is in doubt');
  assert.equal(log.of('store.error').length, asks.length);
});

test('messages whose records could not be read in time are given out again at once', async (t) => {
  const { disk, fixture } = await stillStore();
  t.after(() => fixture.close());
  const { spool } = fixture.store;
  await spool.commit(entry('A.1'), 0, contentOf(bytesOf(1000)));
  disk.isStill = true;
  const failed = assert.rejects(spool.claim(CLAIM), SILENT);
  await until('it to wait', () => disk.waiting.length > 0);
  disk.clock.move(60_000);
  await failed;
  disk.goOn();
  const claimed = async () => (await spool.claim(CLAIM).catch(() => [])).map(({ id }) => id);
  assert.deepEqual(await until('the disk', async () => (await claimed()).at(0)), 'A.1');
});

test('messages that were taken before more could not be read in time are, too', async (t) => {
  const { disk, fixture } = await stillStore();
  t.after(() => fixture.close());
  const ids = Array.from({ length: LOAD_PLACES + 5 }, (_, n) => `A${n}.1`);
  const before = fixture.store.spool;
  await Promise.all(ids.map((id) => before.commit(entry(id), 0, contentOf(bytesOf(10)))));
  // Places of new messages are at hand: those of older ones are loaded.
  const { spool } = await fixture.reopen();
  assert.equal((await spool.claim({ ...CLAIM, n: 1 })).length, 1);
  disk.isStill = true;
  const all = { ...CLAIM, n: 2 * LOAD_PLACES };
  const failed = assert.rejects(spool.claim(all), SILENT);
  await until('it to wait', () => disk.waiting.length > 0);
  disk.clock.move(60_000);
  await failed;
  disk.goOn();
  const claimed = await until('the disk', () => spool.claim(all).catch(() => undefined));
  assert.equal(claimed.length, ids.length - 1);
});
