import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Permits } from '../../src/delivery/permits.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

const LIMITS = { permits: 1, waiters: 100, waitMs: 30_000 };

test('sessions and the queue are served in turn while both wait', async () => {
  const permits = new Permits(new FakeClock(), LIMITS);
  assert.equal(permits.take(), true);
  const served: string[] = [];
  const wait = async (origin: 'session' | 'queue', name: string) => {
    if (await permits.take(undefined, origin)) served.push(name);
  };
  for (let n = 0; n < 6; n++) void wait('session', `s${n}`);
  for (let n = 0; n < 3; n++) void wait('queue', `q${n}`);
  for (let n = 0; n < 9; n++) {
    permits.give();
    await settle();
  }
  assert.deepEqual(served, ['s0', 'q0', 's1', 'q1', 's2', 'q2', 's3', 's4', 's5']);
});

test('a new number counts at once, and takes nobody a permit', async () => {
  const permits = new Permits(new FakeClock(), LIMITS);
  assert.equal(permits.take(), true);
  let granted = 0;
  const wait = async () => {
    if (await permits.take()) granted += 1;
  };
  for (let n = 0; n < 4; n++) void wait();
  permits.resize(3);
  await settle();
  assert.deepEqual([granted, permits.taken], [2, 3]);
  permits.resize(1);
  permits.give();
  permits.give();
  await settle();
  assert.deepEqual([granted, permits.taken], [2, 1], 'first back to the bound');
  permits.give();
  await settle();
  assert.deepEqual([granted, permits.taken], [3, 1]);
});

test('each line has the deadline of its own first one', async () => {
  const clock = new FakeClock();
  const permits = new Permits(clock, LIMITS);
  assert.equal(permits.take(), true);
  const ended: string[] = [];
  const wait = async (origin: 'session' | 'queue') => {
    const granted = await permits.take(undefined, origin);
    ended.push(`${origin} ${String(granted)} at ${clock.mono() - 1000}`);
  };
  void wait('queue');
  await clock.advance(10_000);
  void wait('session');
  await clock.advance(60_000);
  assert.deepEqual(ended, ['queue false at 30000', 'session false at 40000']);
  assert.equal(permits.waiting, 0);
});
