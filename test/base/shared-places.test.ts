/** Places that owners share who know nothing of each other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedPlaces } from '../../src/base/shared-places.ts';
import { settle } from '../support/fake-clock.ts';

test('nobody gets one more who has as many as are free, and who has fewest is first', async () => {
  const places = new SharedPlaces(4);
  const begun: string[] = [];
  const running: { readonly owner: string; readonly end: () => void }[] = [];
  const work = (owner: string) => () =>
    new Promise<void>((end) => {
      begun.push(owner);
      running.push({ owner, end });
    });
  const all = ['a', 'a', 'a', 'b', 'b', 'c', 'd'].map((owner) => places.run(owner, work(owner)));
  await settle();
  assert.deepEqual(begun, ['a', 'a', 'b', 'c']);
  assert.equal(places.tryRun('e', work('e')), undefined);
  const endOne = async (owner: string) => {
    const at = running.findIndex((one) => one.owner === owner);
    running.splice(at, 1)[0]?.end();
    await settle();
  };
  await endOne('a');
  assert.deepEqual(begun.slice(4), ['d'], 'who has none is before those who have waited longer');
  for (const owner of ['a', 'c', 'd']) await endOne(owner);
  // Two are left to come; then one of them is alone with the half.
  assert.deepEqual(begun.slice(5).toSorted(), ['a', 'b']);
  while (running.length > 0) await endOne(running[0]?.owner ?? '');
  await Promise.all(all);
  assert.equal(places.taken, 0);
});

test('work that fails gives its place back', async () => {
  const places = new SharedPlaces(1);
  await assert.rejects(places.run('a', () => Promise.reject(new Error('no'))));
  assert.equal(await places.run('b', () => Promise.resolve('done')), 'done');
  assert.equal(await places.tryRun('a', () => Promise.resolve('done')), 'done');
});
