/** Records go at their age or when there is no room; addresses become pseudonyms at theirs. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { dayAt } from '../../src/base/days.ts';
import { createIds } from '../../src/base/ids.ts';
import { Outbox } from '../../src/records/outbox.ts';
import { PseudonymKeys } from '../../src/records/pseudonym-keys.ts';
import { segmentOf } from '../../src/records/segment.ts';
import type { TraceQuery } from '../../src/records/trace-query.ts';
import { TraceBook } from '../../src/records/trace-book.ts';
import type { RecordsPolicy } from '../../src/records/upkeep.ts';
import { Upkeep } from '../../src/records/upkeep.ts';
import { MemoryRecords } from '../../src/store/memory/record-store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

const DAY_MS = 86_400_000;
const POLICY: RecordsPolicy = {
  keepMs: 30 * DAY_MS,
  maxBytes: 1e9,
  pseudonymiseAfterMs: undefined,
};

async function keeping(t: TestContext) {
  const clock = new FakeClock();
  const log = new RecordedLog();
  const store = new MemoryRecords();
  const keys = await PseudonymKeys.open(tempFolder(t));
  let policy = POLICY;
  let isDiskLow = false;
  const outbox = new Outbox({ clock, log });
  const upkeep = new Upkeep({
    clock,
    log,
    outbox,
    keys,
    policy: () => policy,
    isDiskLow: async () => isDiskLow,
  });
  outbox.start(
    async () => store,
    (segment) => upkeep.formed(segment),
  );
  const book = new TraceBook({
    traces: { timeline: () => undefined },
    flush: () => outbox.flush(),
    pseudonyms: (day) => upkeep.pseudonyms(day),
  });
  await outbox.flush();
  const record = async (
    evt: 'msg.in' | 'rcpt.sent',
    id: string,
    fields: object,
    isLater = false,
  ) => {
    const own = [{ at: clock.now(), level: 'info', evt, fields: { id, ...fields } } as const];
    outbox.push(segmentOf(id, { session: [], own, dropped: 0, isLater }));
    await outbox.flush();
  };
  const rows = async (query: Partial<TraceQuery>) =>
    (await book.search({ limit: 10, ...query })).rows;
  return {
    ...{ clock, log, store, outbox, upkeep, record, rows, keys },
    days: async () => (await store.days()).map(({ day }) => day),
    set: (change: Partial<RecordsPolicy>) => void (policy = { ...policy, ...change }),
    disk: (low: boolean) => void (isDiskLow = low),
    newId: () => `${createIds(clock).session()}.1`,
  };
}

/** Time passes until it has ended: it waits for the disk and for the clock. */
async function passed(clock: FakeClock, work: Promise<void>): Promise<void> {
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  while (!isOver) await clock.advance(10);
  await over;
}

test('a day goes when all of it is too old', async (t) => {
  const { clock, log, upkeep, record, newId, days } = await keeping(t);
  const first = dayAt(clock.now());
  await record('msg.in', newId(), { from: 'a@b.example' });
  await clock.advance(DAY_MS);
  await record('msg.in', newId(), { from: 'a@b.example' });
  await clock.advance(30 * DAY_MS - 1);
  await upkeep.round();
  assert.deepEqual(await days(), [first, dayAt(clock.now() - 30 * DAY_MS + 1)]);
  await clock.advance(1);
  await upkeep.round();
  assert.equal((await days()).length, 1);
  assert.deepEqual(
    log.of('records.expire').map(({ day, why }) => [day, why]),
    [[first, 'age']],
  );
  assert.equal(upkeep.levels.days, 1);
});

test('without room the oldest days go, and the newest takes no more', async (t) => {
  const { clock, log, store, outbox, upkeep, record, newId, days, set, disk } = await keeping(t);
  for (let n = 0; n < 3; n++) {
    await record('msg.in', newId(), { from: 'a@b.example' });
    await clock.advance(DAY_MS);
  }
  const { bytes } = (await store.days())[0] ?? { bytes: 0 };
  set({ maxBytes: bytes * 2 });
  await upkeep.round();
  assert.equal((await days()).length, 2);
  set({ maxBytes: 1 });
  await upkeep.round();
  assert.equal((await days()).length, 1);
  assert.deepEqual(
    log.of('records.expire').map(({ why }) => why),
    ['size', 'size'],
  );
  await record('msg.in', newId(), {});
  assert.equal(outbox.counts.lost, 1);
  set({ maxBytes: 1e9 });
  disk(true);
  await upkeep.round();
  await record('msg.in', newId(), {});
  assert.equal(outbox.counts.lost, 2);
  disk(false);
  await upkeep.round();
  await record('msg.in', newId(), {});
  assert.equal(outbox.counts.lost, 2);
});

test('at their age addresses become pseudonyms, those of later news too', async (t) => {
  const { clock, log, store, upkeep, record, rows, newId, set, keys } = await keeping(t);
  const id = newId();
  const fields = {
    from: 'news@shop.example',
    to: 'anna@example.org',
    dest: 'example.org',
    res: 'accept',
  };
  await record('msg.in', id, fields);
  set({ pseudonymiseAfterMs: 7 * DAY_MS });
  await clock.advance(DAY_MS);
  await record('msg.in', newId(), fields);
  await clock.advance(7 * DAY_MS);
  await passed(clock, upkeep.round());
  assert.equal(log.of('records.pseudonymise').length, 1);
  const found = await rows({ text: 'anna@example.org' });
  assert.equal(found.length, 2, 'both are found, the hidden one and the other');
  assert.match(found[1]?.to ?? '', /^~[0-9a-f]{16}@example\.org$/);
  assert.equal(found[0]?.to, 'anna@example.org');
  const among = ['anna@example.org', 'ben@example.org'];
  for (const row of await rows({ from: 'news@shop.example', among }))
    assert.deepEqual(row.among, ['anna@example.org'], 'he is known under either name');
  assert.deepEqual((await rows({ to: 'ann' })).length, 1, 'a beginning finds the young one only');
  await record('rcpt.sent', id, { to: 'anna@example.org', text: '250 Ok' }, true);
  const [record_] = await store.session(id.slice(0, 10), 9);
  const stored = record_?.segments.map((bytes) => Buffer.from(bytes).toString()).join('');
  assert.equal(record_?.segments.length, 2);
  assert.ok(!stored?.includes('anna'), stored);
  assert.equal((await rows({ text: 'anna@example.org' }))[1]?.result, 'accepted/delivered');
  const day = dayAt(clock.now() - 8 * DAY_MS);
  assert.ok(keys.of(day));
  await clock.advance(23 * DAY_MS);
  await passed(clock, upkeep.round());
  assert.equal(keys.of(day), undefined, 'the key goes with its day');
});
