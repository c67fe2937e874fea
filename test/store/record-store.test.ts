/** Both engines keep the contract of RecordStore; what only LevelDB has to stand: damage, restarts. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { dayAt } from '../../src/base/days.ts';
import { openLevelRecords } from '../../src/store/leveldb/record-store.ts';
import { MemoryRecords } from '../../src/store/memory/record-store.ts';
import { idsFrom, idsOf, recordContract, segment } from './record-contract.ts';
import { StillClock } from './still-clock.ts';

const NOON = Date.UTC(2026, 5, 2, 12);
const DAY_MS = 86_400_000;

async function fixture(clock = new StillClock(), maxOpen?: number) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-records-'));
  const damaged: string[] = [];
  const open = () =>
    openLevelRecords({
      folder,
      clock,
      onDamage: (day) => damaged.push(day),
      ...(maxOpen !== undefined && { maxOpen }),
    });
  let store = await open();
  return {
    folder,
    damaged,
    store,
    reopen: async () => {
      await store.close();
      store = await open();
      return store;
    },
    close: async () => {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

recordContract('memory', async () => {
  const store = new MemoryRecords();
  return { store, close: async () => store.close() };
});
recordContract('leveldb', (clock) => fixture(clock));

test('a day that is damaged is set aside; the others and new records go on', async (t) => {
  const { folder, damaged, store, reopen, close } = await fixture();
  t.after(close);
  const [old, young] = [`${idsFrom(NOON - DAY_MS)()}.1`, `${idsFrom(NOON)()}.1`];
  await store.append([segment(old, { terms: ['a'] }), segment(young, { terms: ['a'] })]);
  await store.close();
  await writeFile(join(folder, dayAt(NOON), 'CURRENT'), 'nonsense');
  const later = await reopen();
  assert.deepEqual(await idsOf(later, { terms: [['a']] }), [old]);
  assert.deepEqual(damaged, [dayAt(NOON)]);
  await later.append([segment(young, { terms: ['b'] })]);
  assert.deepEqual(await idsOf(later, { terms: [['b']] }), [young]);
  assert.ok(existsSync(join(folder, `${dayAt(NOON)}.damaged`)));
  await later.drop(dayAt(NOON));
  assert.deepEqual(await readdir(folder), [dayAt(NOON - DAY_MS)]);
});

test('a crash while a day is rewritten or removed leaves the old day or the new one', async (t) => {
  const { folder, store, reopen, close } = await fixture();
  t.after(close);
  const id = `${idsFrom(NOON)()}.1`;
  await store.append([segment(id, { terms: ['a'] })]);
  const day = join(folder, dayAt(NOON));
  await mkdir(`${day}.new`);
  assert.deepEqual(await idsOf(await reopen(), {}), [id]);
  assert.ok(!existsSync(`${day}.new`), 'half made');
  const later = await reopen();
  await later.close();
  // Between the two moves of the replacement.
  await mkdir(`${day}.gone`);
  await rename(day, `${day}.new`);
  assert.deepEqual(await idsOf(await reopen(), {}), [id]);
  assert.deepEqual(await readdir(folder), [dayAt(NOON)]);
});

test('more days than are kept open at a time are all searched', async (t) => {
  const { store, reopen, close } = await fixture(new StillClock(), 2);
  t.after(close);
  const ids = Array.from({ length: 6 }, (_, n) => `${idsFrom(NOON - n * DAY_MS)()}.1`);
  for (const id of ids) await store.append([segment(id, { terms: ['a'] })]);
  assert.deepEqual(await idsOf(store, { terms: [['a']] }), ids);
  assert.deepEqual(await idsOf(await reopen(), { terms: [['a']] }), ids);
});

test('a reader that goes away in the middle lets the store close', async (t) => {
  const { store, close } = await fixture();
  t.after(close);
  const next = idsFrom(NOON);
  const ids = Array.from({ length: 3000 }, () => `${next()}.1`);
  await store.append(ids.map((id) => segment(id, { terms: ['a', 'b'] })));
  for (const terms of [[['a']], [['a'], ['b']], []]) {
    assert.deepEqual(await idsOf(store, { terms }, 3), ids.slice(-3).toReversed());
  }
});
