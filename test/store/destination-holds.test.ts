/** Holds of destinations on disk: what is damaged holds on, what is over is forgotten. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import { levelFixture } from './level-fixture.ts';
import { StillClock } from './still-clock.ts';

async function keysOf(folder: string): Promise<string[]> {
  const database = await openDatabase(folder);
  const found: string[] = [];
  for await (const page of database.keys({ gte: 'q!', lt: 'q"' })) found.push(...page);
  await database.close();
  return found;
}

test('a stored hold that is damaged holds until somebody ends it', async (t) => {
  const fixture = await levelFixture();
  t.after(() => fixture.close());
  const hold = { dest: 'a.example', at: 1, until: 9e12, by: 'admin', text: 'why' };
  await fixture.store.spool.holdDest(hold);
  await fixture.store.close();
  const database = await openDatabase(fixture.folder);
  const value = Buffer.from('{"v":1,"at":1,"until":"soon"}');
  await database.batch([{ type: 'put', key: 'q!a.example', value }], { sync: true });
  await database.close();
  const { spool } = await fixture.reopen();
  const [found] = spool.heldDests();
  assert.equal(found?.dest, 'a.example');
  assert.equal(found.until, undefined);
  assert.match(found.text, /damaged/);
  assert.equal(await spool.resumeDest('a.example'), true);
  assert.deepEqual((await fixture.reopen()).spool.heldDests(), []);
});

test('a hold that is over goes from the disk at the next start', async (t) => {
  const clock = new StillClock();
  const fixture = await levelFixture({ clock });
  t.after(() => fixture.close());
  const hold = { dest: 'a.example', at: 1, by: 'admin', text: '' };
  await fixture.store.spool.holdDest({ ...hold, until: clock.now() + 10 });
  await fixture.store.spool.holdDest({ ...hold, dest: 'b.example' });
  clock.move(10);
  await fixture.reopen();
  await fixture.store.close();
  assert.deepEqual(await keysOf(fixture.folder), ['q!b.example']);
  await fixture.reopen();
});
