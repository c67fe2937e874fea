/** What is told of locks: how many have ended by themselves, whatever one is on now. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Account } from '../../src/directory/account.ts';
import { identityKey } from '../../src/outbound/counter-keys.ts';
import { autoUnlocks, Locks } from '../../src/outbound/locks.ts';
import { MemoryCounterStore } from '../../src/store/memory/counters.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const HOUR = 3_600_000;
const SMARTHOST = {
  name: '192.0.2.1/32',
  domain: 'smart.test',
  isSmarthost: true,
  lock: {
    ...{ account: true, identities: true, moreThan: 1, withinMs: HOUR, lockMs: HOUR },
    ...{ maxAutoUnlocks: 2, complaints: { moreThan: 1, withinMs: HOUR } },
  },
} as unknown as Account; // what locks look at

test('a lock for complaints is none of those that end by themselves', async () => {
  const clock = new FakeClock();
  const counters = new MemoryCounterStore({ clock });
  const locks = new Locks({ counters, log: new RecordedLog() });
  const told = async () => {
    const [view] = await counters.list({ prefix: identityKey(SMARTHOST.name, 'bad'), limit: 1 });
    return view && [view.lock !== undefined, autoUnlocks(view, SMARTHOST)];
  };
  const spam = async () => {
    for (let n = 0; n < 2; n++) await locks.strike(SMARTHOST, 'bad', 'spam');
  };
  await spam();
  assert.deepEqual(await told(), [true, 0]);
  await clock.advance(HOUR);
  await spam();
  assert.deepEqual(await told(), [true, 1], 'the first has ended');
  await clock.advance(HOUR);
  for (let n = 0; n < 2; n++) await locks.complained(SMARTHOST, 'bad');
  assert.deepEqual(await told(), [true, 2], 'both have ended, and complaints locked');
  assert.equal(await locks.unlock(SMARTHOST, 'bad', 'admin'), true);
  for (let n = 0; n < 3; n++) {
    await spam();
    assert.deepEqual(await told(), [true, n]);
    await clock.advance(HOUR);
  }
  assert.deepEqual(await told(), [true, 2], 'the last waits for a person');
});

test('complaints that lock are forgotten in the step that locks', async () => {
  const counters = new MemoryCounterStore({ clock: new FakeClock() });
  const locks = new Locks({ counters, log: new RecordedLog() });
  const once = () => Promise.reject(new Error('a crash could come between'));
  Object.assign(counters, { lock: once });
  for (let n = 0; n < 2; n++) await locks.complained(SMARTHOST, 'bad');
  assert.ok(await locks.of(SMARTHOST, 'bad'), 'it is locked');
  assert.equal(await locks.unlock(SMARTHOST, 'bad', 'admin'), true);
  await locks.complained(SMARTHOST, 'bad');
  assert.equal(await locks.of(SMARTHOST, 'bad'), undefined, 'one more is only one');
  await locks.complained(SMARTHOST, 'bad');
  assert.ok(await locks.of(SMARTHOST, 'bad'));
});
