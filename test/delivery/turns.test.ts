/** Whose turn it is, when there is more to deliver than places. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from '../../src/delivery/turns.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { destination } from '../support/scheduler-rig.ts';

test('servers of others that never answer leave places to the mail of hosted domains', async () => {
  const stopped = new AbortController();
  const turns = new Turns({
    clock: new FakeClock(),
    route: (lane) => destination(lane, 20),
    rates: undefined,
    isBarred: () => false,
    stopped: stopped.signal,
  });
  const silence = Promise.withResolvers<'other'>();
  const begin = (lane: string, work: () => Promise<'other'>) =>
    turns.run(lane, 1000, stopped.signal, work);
  const remote = Array.from({ length: 1000 }, (_, index) => `mx:silent${index}.test`);
  const parted = Array.from({ length: 100 }, () => 'mx:*');
  const hanging = [...parted, ...remote].map((lane) => begin(lane, () => silence.promise));
  await settle();
  const hosted: string[] = [];
  const mail = ['a.test', 'b.test'].map((lane) =>
    begin(lane, () => {
      hosted.push(lane);
      return Promise.resolve('other');
    }),
  );
  await settle();
  assert.deepEqual(hosted, ['a.test', 'b.test']);
  assert.equal(turns.active, 150);
  silence.resolve('other');
  await Promise.all([...hanging, ...mail]);
});
