/** Slots: never more at a time than there are, first come first served, no slot is ever lost. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { Slots } from '../../src/plugin-host/slots.ts';
import { NEVER } from '../support/filter-view.ts';

test('never more run at a time than there are slots, in order of arrival', async () => {
  const slots = new Slots(2, systemClock);
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      slots.run(1000, NEVER, async () => {
        begun.push(index);
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      }),
    ),
  );
  assert.equal(most, 2);
  assert.deepEqual(begun, [...begun.keys()]);
});

test('work that throws gives its slot back', async () => {
  const slots = new Slots(1, systemClock);
  const broken = slots.run(1000, NEVER, () => Promise.reject(new Error('broken')));
  await assert.rejects(broken, /broken/);
  assert.equal(await slots.run(1000, NEVER, async () => 'next'), 'next');
});

test('who waits too long or is aborted leaves the line without taking a slot', async () => {
  const slots = new Slots(1, systemClock);
  const held = Promise.withResolvers<void>();
  const first = slots.run(1000, NEVER, () => held.promise);
  const leaving = new AbortController();
  const late = slots.run(5, NEVER, async () => 'never');
  const left = slots.run(1000, leaving.signal, async () => 'never');
  const last = slots.run(1000, NEVER, async () => 'last');
  assert.equal(slots.waiting, 3);
  leaving.abort(new Error('client left'));
  await assert.rejects(left, /client left/);
  await assert.rejects(late, { code: 'DEADLINE' });
  assert.equal(slots.waiting, 1);
  held.resolve();
  await first;
  assert.equal(await last, 'last');
  assert.equal(await slots.run(1000, NEVER, async () => 'free again'), 'free again');
});

test('the line has an end', async () => {
  const slots = new Slots(1, systemClock);
  const held = Promise.withResolvers<void>();
  const all = Array.from({ length: 5001 }, () => slots.run(10_000, NEVER, () => held.promise));
  await assert.rejects(
    slots.run(10_000, NEVER, async () => undefined),
    { code: 'LIMIT' },
  );
  held.resolve();
  await Promise.all(all);
});
