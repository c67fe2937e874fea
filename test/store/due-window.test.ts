/** The window over the due index: in order, each place once, bounded, however long the queue. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { DueWindow, LOAD_PLACES } from '../../src/store/leveldb/due-window.ts';
import type { Place } from '../../src/store/leveldb/keys.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { contentOf, bytesOf, entry } from './sample-mail.ts';
import { levelFixture } from './level-fixture.ts';

const inOrder = (a: Place, b: Place) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1);
const same = (a: Place, b: Place) => a.dueAt === b.dueAt && a.id === b.id;

for (const seed of [1, 2, 3, 4]) {
  test(`random arrivals, claims and removals over a long queue (seed ${seed})`, () => {
    const random = seededRandom(seed);
    let next = 0;
    const place = (): Place => ({ dueAt: Math.floor(random() * 3000), id: `ID.${next++}` });
    // What the index on disk holds; taken places leave it at once, as completed messages do.
    let disk: Place[] = [];
    let window = new DueWindow();
    if (seed % 2 === 0) {
      disk = Array.from({ length: 5000 }, place).sort(inOrder);
      window = new DueWindow(disk[0]);
    }
    for (let round = 0; round < 14_000; round++) {
      // First the queue grows, beyond what the window keeps, then it shrinks.
      const arrivals = round < 5000 ? 0.95 : 0.3;
      const choice = random();
      if (choice < arrivals) {
        const added = place();
        const behind = disk.findLastIndex((other) => inOrder(other, added) < 0);
        disk.splice(behind + 1, 0, added);
        window.add(added);
      } else if (choice < arrivals + 0.02) {
        const gone = disk[Math.floor(random() * disk.length)];
        if (gone === undefined) continue;
        disk = disk.filter((other) => other !== gone);
        window.remove(gone);
      } else {
        const dueBy = random() * 3000;
        let taken = window.take(dueBy);
        for (let horizon = window.wantsLoad(dueBy); taken === undefined && horizon !== undefined;) {
          const from = horizon;
          const found = disk.filter((other) => inOrder(other, from) >= 0).slice(0, LOAD_PLACES);
          window.load(found, found.length === LOAD_PLACES);
          taken = window.take(dueBy);
          horizon = window.wantsLoad(dueBy);
        }
        const first = disk[0];
        if (first === undefined || first.dueAt > dueBy) {
          assert.equal(taken, undefined);
        } else {
          assert.ok(taken && same(taken, first), `round ${round}: the oldest is taken`);
          disk.shift();
        }
      }
      assert.ok(window.nextDueAt() <= (disk[0]?.dueAt ?? Infinity), 'never later than the truth');
    }
  });
}

test('a queue longer than memory keeps is drained whole, in order, with new mail between', async (t) => {
  const fixture = await levelFixture();
  t.after(() => fixture.close());
  const content = contentOf(bytesOf(10));
  let { spool } = fixture.store;
  const commit = (from: number, to: number, dueAt: (n: number) => number) =>
    Promise.all(
      Array.from({ length: to - from }, (_, n) =>
        spool.commit(entry(`A.${from + n}`), dueAt(from + n), content),
      ),
    );
  await commit(0, 2500, (n) => 1000 - (n % 100));
  await commit(2500, 5500, (n) => n % 700);
  spool = (await fixture.reopen()).spool;
  const seen = new Set<string>();
  let last = -1;
  for (let round = 0; ; round++) {
    const leases = await spool.claim({ dest: 'example.com', n: 300, leaseMs: 1000 });
    if (leases.length === 0) break;
    for (const lease of leases) {
      assert.ok(!seen.has(lease.id), lease.id);
      assert.ok(lease.dueAt >= last);
      last = lease.dueAt;
    }
    const [back, ...done] = leases;
    if (back !== undefined && round % 2 === 0) {
      last = back.dueAt;
      await spool.release([back]);
    } else if (back !== undefined) done.push(back);
    for (const { id } of done) seen.add(id);
    assert.ok((await spool.complete(done)).every(Boolean));
    if (round === 3) await commit(5500, 6000, (n) => 2000 + n);
  }
  assert.equal(seen.size, 6000);
  assert.deepEqual(spool.backlog(), []);
});

test('what is committed while places are loaded is neither lost nor given twice', async (t) => {
  let during = async (): Promise<void> => undefined;
  const fixture = await levelFixture({
    wrap: (database) => ({
      ...database,
      async *keys(range) {
        const pages: (readonly string[])[] = [];
        for await (const page of database.keys(range)) pages.push(page);
        await during();
        yield* pages;
      },
    }),
  });
  t.after(() => fixture.close());
  const content = contentOf(bytesOf(10));
  for (const id of ['A.1', 'A.2']) await fixture.store.spool.commit(entry(id), 5, content);
  const { spool } = await fixture.reopen();
  let late: Promise<unknown> = Promise.resolve();
  during = async () => {
    during = async () => undefined;
    const removed = spool.administer('A.2', { kind: 'remove' });
    late = Promise.all([spool.commit(entry('A.3'), 6, content), removed]);
    // The batch of both must wait for the loading; if it does not, it is over by then.
    await Promise.race([late, systemClock.sleep(100)]);
  };
  const claim = async () => {
    const leases = await spool.claim({ dest: 'example.com', n: 9, leaseMs: 1000 });
    return leases.map(({ id }) => id);
  };
  const first = await claim();
  await late;
  assert.deepEqual([...first, ...(await claim())].sort(), ['A.1', 'A.3']);
  assert.deepEqual(fixture.log.events, []);
});
