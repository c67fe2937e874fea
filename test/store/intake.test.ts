/** What one commit costs the database: no look for what cannot be there, one tally for a whole batch. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { inParts } from '../../src/store/leveldb/content-parts.ts';
import type { Database, WriteOp } from '../../src/store/leveldb/database.ts';
import { tallyKey } from '../../src/store/leveldb/keys.ts';
import { levelFixture } from './level-fixture.ts';
import { memoryContent } from '../../src/mail/content.ts';
import { bytesOf, contentOf, entry } from './sample-mail.ts';

test('a new id is not looked for, any other is', async (t) => {
  const looked: string[] = [];
  const wrap = (database: Database): Database => ({
    ...database,
    has(key) {
      looked.push(key);
      return database.has(key);
    },
  });
  const fixture = await levelFixture({ wrap });
  t.after(() => fixture.close());
  const { spool } = fixture.store;
  await spool.commit(entry('A.1'), 0, contentOf(Buffer.from('one')), { isNew: true });
  assert.deepEqual(looked, []);
  await spool.commit(entry('A.1'), 0, contentOf(Buffer.from('one')));
  await spool.commit(entry('A.2'), 0, contentOf(Buffer.from('two')));
  assert.deepEqual(looked, ['m!A.1', 'm!A.2']);
  assert.equal(spool.totals().queued, 2);
});

test('messages of one batch share a tally, and it counts those of that batch alone', async (t) => {
  const batches: (readonly WriteOp[])[] = [];
  const fixture = await levelFixture({ before: (ops) => void batches.push(ops) });
  t.after(() => fixture.close());
  const { spool } = fixture.store;
  batches.length = 0;
  const large = Buffer.alloc(200 * 1024);
  // More than one batch takes.
  const commits = Array.from({ length: 60 }, (_, n) =>
    spool.commit(entry(`A.${n}`), 0, contentOf(large)),
  );
  await Promise.all(commits);
  assert.ok(batches.length > 1);
  const dest = tallyKey(entry('A.1').dest);
  let messages = 0;
  for (const ops of batches) {
    messages += ops.filter(({ key }) => key.startsWith('m!')).length;
    const tallies = ops.filter(({ key }) => key === dest);
    assert.equal(tallies.length, 1);
    const text = tallies[0]?.type === 'put' ? Buffer.from(tallies[0].value).toString() : '';
    assert.match(text, new RegExp(`"queued":${messages},`));
  }
  assert.equal(messages, 60);
});

test('small chunks share a part, and what fills one is not copied', async () => {
  const KIB = 1024;
  const sizes = [300, 64 * KIB, 30 * KIB, 30 * KIB, 10 * KIB, 0, 150 * KIB];
  const chunks = sizes.map((size) => bytesOf(size));
  const { ops, stored } = await inParts('A.1', memoryContent(chunks));
  const parts = ops.flatMap((op) => (op.type === 'put' ? [op] : []));
  const lengths = parts.map(({ value }) => value.length);
  assert.deepEqual(
    lengths,
    [300, 64, 60, 10, 64, 64, 22].map((n) => (n === 300 ? n : n * KIB)),
  );
  assert.deepEqual([parts.length, stored.parts], [7, 7]);
  assert.equal(parts[1]?.value.buffer, chunks[1]?.buffer);
  assert.deepEqual(Buffer.concat(parts.map(({ value }) => value)), Buffer.concat(chunks));
  assert.deepEqual(
    parts.map(({ key }) => key),
    parts.map((_, n) => `b!A.1!00000${n}`),
  );
});
