/**
 * The stored forms beside the records stay readable for ever: counters, tallies, holds of
 * destinations and the store's own state, as version 1 wrote them (test/stored/state-v1.json).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import type { WriteOp } from '../../src/store/leveldb/database.ts';
import { levelFixture } from './level-fixture.ts';
import { StillClock } from './still-clock.ts';

const START = Date.UTC(2099, 0, 1);
const DAY = 86_400_000;

test('the state that version 1 wrote stays readable', async (t) => {
  const clock = new StillClock(START + 100);
  const fixture = await levelFixture({ clock });
  t.after(() => fixture.close());
  await fixture.store.close();
  const file = join(import.meta.dirname, '../stored/state-v1.json');
  const rows: [string, string][] = JSON.parse(readFileSync(file, 'utf8'));
  const database = await openDatabase(fixture.folder);
  const ops = rows.map(([key, text]): WriteOp => ({ type: 'put', key, value: Buffer.from(text) }));
  await database.batch(ops, { sync: true });
  await database.close();
  const { spool, counters } = await fixture.reopen();
  assert.deepEqual(spool.totals('example.com'), { queued: 3, held: 1, bytes: 3077 });
  const by = 'admin';
  assert.deepEqual(
    spool.heldDests().toSorted((a, b) => (a.dest < b.dest ? -1 : 1)),
    [
      { dest: 'ex!am%ple', at: START, by, text: '' },
      { dest: 'example.com', at: START, until: START + DAY, by, text: 'maintenance' },
    ],
  );
  assert.deepEqual(await counters.peek('acct:1'), {
    day: { count: 41, endsAt: START + DAY },
    month: { count: 99, endsAt: START + 31 * DAY },
  });
  const lock = { at: START, until: START + 2 * DAY, by: 'gateway', text: 'spam' };
  assert.deepEqual(await counters.lockOf('acct:1'), lock);
  clock.move(2 * DAY);
  const policy = { max: 0, windowMs: 1, lockMs: 1, maxAutoUnlocks: 2, by, text: '' };
  const third = await counters.strike('acct:1', policy);
  assert.ok(third.kind === 'locked' && third.lock.until === undefined, 'two locks are remembered');
});
