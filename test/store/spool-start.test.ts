/** What the spool reads when it opens, and that it never believes a tally against its index. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import type { Database, WriteOp } from '../../src/store/leveldb/database.ts';
import { dueKey, heldKey, tallyKey } from '../../src/store/leveldb/keys.ts';
import { levelFixture } from './level-fixture.ts';
import { bytesOf, contentOf, entry, held } from './sample-mail.ts';

const SIZE = Buffer.from('1000');

async function change(folder: string, ops: readonly WriteOp[]): Promise<void> {
  const database = await openDatabase(folder);
  for (let at = 0; at < ops.length; at += 5000)
    await database.batch(ops.slice(at, at + 5000), { sync: at + 5000 >= ops.length });
  await database.close();
}

const asOldVersion = (): WriteOp => ({ type: 'put', key: 's!epoch', value: Buffer.from('77') });

test('with 100,000 messages waiting the store opens without reading their index', async (t) => {
  let read = 0;
  const counted = <T>(pages: AsyncIterable<readonly T[]>) =>
    (async function* () {
      for await (const page of pages) {
        read += page.length;
        yield page;
      }
    })();
  const wrap = (database: Database): Database => ({
    ...database,
    keys: (range) => counted(database.keys(range)),
    entries: (range) => counted(database.entries(range)),
    async *firstKeys(range, skipTo) {
      for await (const key of database.firstKeys(range, skipTo)) {
        read++;
        yield key;
      }
    },
    getMany(keys) {
      read += keys.length;
      return database.getMany(keys);
    },
    get(key) {
      read++;
      return database.get(key);
    },
  });
  const fixture = await levelFixture({ wrap });
  t.after(() => fixture.close());
  await fixture.store.close();
  const ops = Array.from({ length: 100_000 }, (_, n): WriteOp => {
    const place = { dueAt: n, id: `A.${n}` };
    return { type: 'put', key: dueKey(`d${n % 10}.example`, place), value: SIZE };
  });
  for (let n = 0; n < 1000; n++) ops.push({ type: 'put', key: heldKey(`B.${n}`), value: SIZE });
  await change(fixture.folder, [...ops, asOldVersion()]);
  await fixture.reopen();
  assert.ok(read > 100_000, 'another version worked on it: it is counted once');
  read = 0;
  const { spool } = await fixture.reopen();
  assert.ok(read < 100, `${read} keys were read`);
  assert.deepEqual(spool.totals(), { queued: 100_000, held: 1000, bytes: 101_000_000 });
  const [first] = spool.backlog();
  assert.deepEqual(first, { dest: 'd0.example', messages: 10_000, nextDueAt: 0 });
});

test('tallies of a store that another version worked on are counted anew', async (t) => {
  const fixture = await levelFixture();
  t.after(() => fixture.close());
  const { spool } = fixture.store;
  const content = contentOf(bytesOf(1000));
  await spool.commit(entry('A.1'), 1, content);
  await spool.commit(held('B.1', { dest: 'held.example' }), 1, content);
  await fixture.store.close();
  await change(fixture.folder, [
    { type: 'put', key: dueKey('new.example', { dueAt: 1, id: 'N.1' }), value: SIZE },
    { type: 'put', key: tallyKey('gone.example'), value: Buffer.from('nonsense') },
    asOldVersion(),
  ]);
  const again = (await fixture.reopen()).spool;
  assert.deepEqual(again.totals(), { queued: 2, held: 1, bytes: 3000 });
  assert.deepEqual(again.totals('held.example'), { queued: 0, held: 1, bytes: 1000 });
  assert.deepEqual(again.totals('new.example'), { queued: 1, held: 0, bytes: 1000 });
  assert.deepEqual(again.totals('gone.example'), { queued: 0, held: 0, bytes: 0 });
});

for (const [what, damage] of [
  ['damaged', (key: string): WriteOp => ({ type: 'put', key, value: Buffer.from('0000 {}') })],
  ['lost', (key: string): WriteOp => ({ type: 'del', key })],
] as const) {
  test(`a tally that is ${what} hides no message`, async (t) => {
    const fixture = await levelFixture();
    t.after(() => fixture.close());
    for (const id of ['A.1', 'A.2'])
      await fixture.store.spool.commit(entry(id), 1, contentOf(bytesOf(1000)));
    await fixture.store.spool.commit(held('A.3'), 1, contentOf(bytesOf(1000)));
    await fixture.store.close();
    await change(fixture.folder, [damage(tallyKey('example.com'))]);
    for (let n = 0; n < 2; n++) {
      const { spool } = await fixture.reopen();
      assert.deepEqual(spool.totals('example.com'), { queued: 2, held: 1, bytes: 3000 });
      assert.equal(spool.backlog()[0]?.messages, 2);
    }
    const { spool } = fixture.store;
    const leases = await spool.claim({ dest: 'example.com', n: 9, leaseMs: 1000 });
    assert.deepEqual(await spool.complete(leases), [true, true]);
    assert.deepEqual(spool.backlog(), []);
  });
}
