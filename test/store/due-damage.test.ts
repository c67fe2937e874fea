/** A block of the due index that cannot be read hides what is in it, and nothing behind it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { CodedError } from '../../src/base/errors.ts';
import type { Database } from '../../src/store/leveldb/database.ts';
import { dueKey } from '../../src/store/leveldb/keys.ts';
import { bytesOf, contentOf, entry } from './sample-mail.ts';
import { levelFixture } from './level-fixture.ts';

const DEST = 'example.com';

/** Reading fails like LevelDB's: what comes before the damage is there, a seek into it is not. */
function damagedAt(database: Database, from: string, to: string): Database {
  const isBad = (key: string) => key >= from && key < to;
  const fail = () => new CodedError('STORE_DAMAGED', 'corrupted block');
  return {
    ...database,
    async *keys(range) {
      let isFirst = true;
      for await (const page of database.keys(range))
        for (const key of page) {
          if (isBad(key)) throw fail();
          isFirst = false;
          yield [key];
        }
      // Behind the last one it would read on, unless the limit has been reached.
      if (isFirst && 'gte' in range && isBad(range.gte)) throw fail();
    },
  };
}

for (const [what, dueAt] of [
  ['each due at a time of its own', (n: number) => n * 10],
  ['many due at the same time', (n: number) => Math.floor(n / 50) * 1000],
] as const) {
  test(`claims go on around the damage: ${what}`, async (t) => {
    let bad = { from: '', to: '' };
    const fixture = await levelFixture({
      wrap: (database) => ({
        ...database,
        keys: (range) => damagedAt(database, bad.from, bad.to).keys(range),
      }),
    });
    t.after(() => fixture.close());
    const id = (n: number) => `A.${String(n).padStart(4, '0')}`;
    const content = contentOf(bytesOf(10));
    for (let n = 0; n < 2500; n++)
      await fixture.store.spool.commit(entry(id(n)), dueAt(n), content);
    await fixture.store.spool.commit(entry('B.1', { dest: 'b.example' }), 0, content);
    const { spool } = await fixture.reopen();
    const place = (n: number) => dueKey(DEST, { dueAt: dueAt(n), id: id(n) });
    bad = { from: place(1200), to: place(1300) };
    const seen: string[] = [];
    for (;;) {
      const leases = await spool.claim({ dest: DEST, n: 100, leaseMs: 1000 });
      if (leases.length === 0) break;
      seen.push(...leases.map((lease) => lease.id));
      await spool.complete(leases);
    }
    const expected = Array.from({ length: 2500 }, (_, n) => id(n));
    const missing = expected.filter((one) => !seen.includes(one));
    assert.equal(new Set(seen).size, seen.length);
    assert.ok(missing.includes(id(1200)) && missing.includes(id(1299)));
    assert.deepEqual(seen, seen.toSorted());
    assert.equal(missing.length, 100);
    assert.deepEqual(
      spool.damagedDests().map(({ dest }) => dest),
      [DEST],
    );
    assert.equal(fixture.log.of('store.error').length, 1, 'told once');
    assert.equal((await spool.claim({ dest: 'b.example', n: 9, leaseMs: 1000 })).length, 1);
    assert.equal(spool.backlog().find(({ dest }) => dest === DEST)?.messages, 100);
  });
}
