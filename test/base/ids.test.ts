/**
 * Ids are never given twice: not within a process, not by the next one, whatever happened to the
 * clock, to the process or to the disk between them.
 */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { Clock } from '../../src/base/clock.ts';
import { openIdMark } from '../../src/base/id-mark.ts';
import { compareMessages, createIds, DurableIds, firstIdAt, openedAt } from '../../src/base/ids.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const YEAR_MS = 365 * 86_400_000;
const HOUR_MS = 3_600_000;

/** A data folder in which one process after the other finds its mark. */
function dataFolder(t: TestContext) {
  const folder = tempFolder(t);
  const file = join(folder, 'ids');
  return {
    folder,
    file,
    start: async (clock: Clock, log = new RecordedLog()) =>
      DurableIds.open(clock, log, await openIdMark(file)),
    mark: async () => Number(await readFile(file, 'utf8')),
  };
}

test('ids of one process rise, also within a millisecond and when its clock goes back', async (t) => {
  for (const clock of [new FakeClock(), new FakeClock(Date.UTC(1990, 0, 1))]) {
    for (const ids of [createIds(clock), await dataFolder(t).start(clock)]) {
      const given = Array.from({ length: 5000 }, (_, i) => {
        if (i === 2000) clock.skew(-YEAR_MS);
        if (i === 4000) clock.skew(3 * YEAR_MS);
        return ids.session();
      });
      assert.equal(new Set(given).size, 5000);
      assert.deepEqual(given.toSorted(), given);
    }
  }
});

test('a process that was killed is followed by one with higher ids, its clock a year back', async (t) => {
  const { start } = dataFolder(t);
  const clock = new FakeClock();
  let last = '';
  for (const back of [0, YEAR_MS, 0, 2 * YEAR_MS, 0]) {
    const ids = await start(new FakeClock(clock.now() - back));
    for (let i = 0; i < 1000; i++) {
      const id = ids.session();
      assert.ok(id > last, `${id} after ${last}`);
      last = id;
    }
  }
});

test('a process that ended in peace gives its reserve back: ids are those of the clock', async (t) => {
  const { start } = dataFolder(t);
  const clock = new FakeClock();
  const ids = await start(clock);
  ids.session();
  await ids.close();
  await clock.advance(1000);
  assert.equal((await start(clock)).session(), createIds(clock).session());
});

test('what is reserved stays ahead, by the clock and by the number of ids', async (t) => {
  const { start, mark } = dataFolder(t);
  const clock = new FakeClock();
  const ids = await start(clock);
  const first = await mark();
  await clock.advance(0.9 * HOUR_MS);
  ids.session();
  await until('a new block', async () => (await mark()) > first);

  // A clock that stands still: only the count can use the block up.
  const still = await start(new FakeClock(clock.now() - YEAR_MS));
  const before = await mark();
  for (let i = 0; i < 600_000; i++) still.session();
  await until('a new block', async () => (await mark()) > before);
});

test('a jump of the clock beyond the reserve is followed only once that is reserved', async (t) => {
  const { start, mark } = dataFolder(t);
  const clock = new FakeClock();
  const ids = await start(clock);
  const before = await mark();
  clock.skew(YEAR_MS);
  const given = [ids.session()];
  assert.ok(given[0] !== undefined && given[0] < createIds(clock).session());
  await until('a new block', async () => (await mark()) > before);
  // The file is there a moment before the process counts on it.
  let next = '';
  await until('the block to be in use', () => (next = ids.session()) >= createIds(clock).session());
  assert.equal(next, createIds(clock).session());
});

test('a disk that fails is told, and ids go on', async (t) => {
  const { folder, start } = dataFolder(t);
  const clock = new FakeClock();
  const log = new RecordedLog();
  const ids = await start(clock, log);
  await rm(folder, { recursive: true });
  await clock.advance(0.9 * HOUR_MS);
  const given = [ids.session(), ids.session()];
  await until('the failure to be told', () => log.of('store.error').length > 0);
  assert.equal(new Set([...given, ids.session()]).size, 3);
  assert.equal(log.of('store.error').length, 1, 'not with each id');
});

test('a mark that cannot be read is no start at all', async (t) => {
  const { file } = dataFolder(t);
  for (const text of ['', '12', '12x\n', '-1\n', '99999999999999999999\n', '\0\0\0\0']) {
    await writeFile(file, text);
    await assert.rejects(openIdMark(file), { code: 'STORE_DAMAGED' });
  }
});

test('an id says when its session was opened, whatever message of it is meant', () => {
  const clock = new FakeClock(Date.UTC(2026, 5, 2, 6, 42, 40, 910));
  const ids = createIds(clock);
  assert.equal(openedAt(ids.session()), clock.now());
  assert.equal(openedAt(`${ids.session()}.17`), clock.now());
  assert.ok(Number.isNaN(openedAt('')));
  assert.ok(Number.isNaN(openedAt('4k7qz2m9xt')));
});

test('messages are in the order in which they came, each with its parts behind it', () => {
  const came = [
    '4K7QZ2M9XT.10',
    '4K7QZ2M9XT.2-9',
    '4K7QZ2M9XV.1',
    '4K7QZ2M9XT.2',
    '4K7QZ2M9XT.2-10',
  ];
  assert.deepEqual(came.toSorted(compareMessages), [
    '4K7QZ2M9XT.2',
    '4K7QZ2M9XT.2-9',
    '4K7QZ2M9XT.2-10',
    '4K7QZ2M9XT.10',
    '4K7QZ2M9XV.1',
  ]);
});

test('ids can be bounded by time, far before and far behind all of them too', () => {
  const clock = new FakeClock();
  const id = createIds(clock).session();
  assert.ok(firstIdAt(clock.now()) <= id);
  assert.ok(firstIdAt(clock.now() + 1) > id);
  assert.equal(firstIdAt(-Infinity), '0000000000');
  assert.ok(firstIdAt(Infinity) > id);
});
