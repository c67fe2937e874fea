/** The scheduler and its store: leases kept and lost, failures at every step, a clean stop. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from '../../src/base/errors.ts';
import { LeaseKeeper } from '../../src/delivery/lease-keeper.ts';
import type { MemoryStep } from '../../src/store/memory/spool.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { MINUTE, SchedulerRig } from '../support/scheduler-rig.ts';

/** A store that rejects its next steps as told. */
function faults() {
  const planned: { step: MemoryStep; when: 'before' | 'after'; error: Error }[] = [];
  const fault = (step: MemoryStep, when: 'before' | 'after') => {
    const index = planned.findIndex((one) => one.step === step && one.when === when);
    const [found] = index < 0 ? [] : planned.splice(index, 1);
    if (found !== undefined) throw found.error;
  };
  return { planned, fault };
}

for (const step of ['complete', 'reschedule'] as const) {
  test(`the store fails once between the attempt and its ${step}: nothing lost, tried again soon`, async () => {
    const { planned, fault } = faults();
    const rig = new SchedulerRig({ fault });
    rig.courier.says = () => (step === 'complete' ? '250' : '450');
    rig.scheduler.start();
    planned.push({ step, when: 'before', error: new CodedError('DEADLINE', 'once') });
    await rig.mail(['anna@a.test']);
    await settle();
    const [summary] = await rig.spool.scan({ limit: 9 });
    assert.deepEqual([summary?.entry.attempts, summary?.active], [0, false]);
    assert.equal(rig.log.of('crash').length, 1);
    rig.courier.says = () => '250';
    await rig.clock.advance(1100);
    assert.equal((await rig.entries()).length, 0);
    assert.equal(rig.courier.taken.length, step === 'complete' ? 2 : 1);
    assert.equal(rig.log.of('msg.done').length, 1);
  });
}

test('the store fails once at a claim: a moment of rest, then it goes on', async () => {
  const { planned, fault } = faults();
  const rig = new SchedulerRig({ fault });
  planned.push({ step: 'claim', when: 'before', error: new Error('once') });
  rig.scheduler.start();
  await rig.mail(['anna@a.test']);
  await rig.clock.advance(500);
  rig.scheduler.wake();
  rig.scheduler.wake('a.test');
  await settle();
  assert.equal(rig.courier.taken.length, 0);
  await rig.clock.advance(600);
  assert.equal(rig.courier.taken.length, 1);
  assert.equal(rig.storeFailures, 0);
});

test('while outcomes are written the destination has the next messages, as many again at most', async () => {
  const rig = new SchedulerRig({ maxConnections: 3 });
  const complete = rig.spool.complete.bind(rig.spool);
  const written = Promise.withResolvers<void>();
  rig.spool.complete = async (held) => {
    await written.promise;
    return complete(held);
  };
  for (let n = 0; n < 20; n++) await rig.mail(['anna@a.test']);
  rig.scheduler.start();
  await rig.clock.advance(5000);
  const { length } = rig.courier.taken;
  assert.ok(length > 3 && length <= 6, `${length} taken`);
  assert.equal((await rig.entries()).length, 20);
  written.resolve();
  await rig.clock.advance(5000);
  assert.equal(rig.courier.taken.length, 20, 'each of them once');
  assert.equal((await rig.entries()).length, 0);
});

test('the store is asked for more before what was claimed has run out', async () => {
  const rig = new SchedulerRig({ maxConnections: 2 });
  const claim = rig.spool.claim.bind(rig.spool);
  rig.spool.claim = async (options) => {
    await rig.clock.sleep(100);
    return claim(options);
  };
  rig.courier.takesMs = 100;
  for (let n = 0; n < 40; n++) await rig.mail(['anna@a.test']);
  const from = rig.clock.now();
  rig.scheduler.start();
  await rig.clock.advance(10_000);
  assert.equal(rig.courier.taken.length, 40);
  const tookMs = (rig.courier.taken.at(-1)?.at ?? 0) - from;
  assert.ok(tookMs < 2500, `${tookMs} ms, of which the destination needs 2000`);
});

test('a store that has failed is told to the gateway once and never asked again', async () => {
  let calls = 0;
  let isBroken = false;
  const rig = new SchedulerRig({
    domains: { 'a.test': 'A', 'b.test': 'B' },
    fault: (_, when) => {
      if (!isBroken || when === 'after') return;
      calls += 1;
      throw new CodedError('STORE_FAILED', 'disk gone');
    },
  });
  rig.courier.takesMs = 1000;
  rig.scheduler.start();
  await rig.mail(['anna@a.test']);
  await rig.mail(['bert@b.test']);
  await settle();
  isBroken = true;
  await rig.clock.advance(60 * MINUTE);
  assert.equal(rig.storeFailures, 1);
  assert.equal(calls, 2, 'the two deliveries under way');
  assert.equal(rig.log.of('store.error').length, 1);
  await rig.scheduler.stop();
  assert.equal((await rig.entries()).length, 2);
});

test('a long delivery keeps its lease: nobody else gets the message', async () => {
  const rig = new SchedulerRig();
  rig.courier.takesMs = 30 * MINUTE;
  rig.scheduler.start();
  const id = await rig.mail(['anna@a.test']);
  for (let minute = 1; minute < 30; minute++) {
    await rig.clock.advance(MINUTE);
    assert.equal((await rig.spool.get(id))?.active, true, `minute ${minute}`);
  }
  await rig.clock.advance(MINUTE);
  assert.equal(rig.courier.begun.length, 1);
  assert.equal((await rig.entries()).length, 0);
});

test('a lease that cannot be renewed aborts its delivery before it ends', async () => {
  const rig = new SchedulerRig();
  rig.courier.takesMs = 30 * MINUTE;
  rig.spool.renew = () => new Promise(() => undefined);
  rig.scheduler.start();
  const id = await rig.mail(['anna@a.test']);
  await rig.clock.advance(111_999);
  assert.equal(rig.courier.running.get('A'), 1);
  rig.courier.takesMs = 1000;
  await rig.clock.advance(1);
  assert.equal((await rig.spool.get(id))?.entry.attempts, 0, 'an attempt that we cut is none');
  await rig.clock.advance(2000);
  assert.deepEqual(
    rig.courier.begun.map(({ at }, index) =>
      index === 0 ? 0 : at - (rig.courier.begun[0]?.at ?? 0),
    ),
    [0, 112_000],
  );
  assert.equal(rig.courier.taken.length, 1);
});

test('a lease that the store says is lost aborts its delivery at once', async () => {
  const clock = new FakeClock();
  const answers: boolean[][] = [[true, false]];
  const keeper = new LeaseKeeper({ renew: async () => answers.shift() ?? [true] }, clock);
  const rig = new SchedulerRig();
  const { entry } = rig.entry(['anna@a.test']);
  const lease = (token: bigint) => ({ id: entry.id, token, entry, dueAt: 0 });
  const kept = keeper.keep(lease(1n), clock.mono());
  const lost = keeper.keep(lease(2n), clock.mono());
  await clock.advance(40_000);
  assert.deepEqual([kept.signal.aborted, lost.signal.aborted], [false, true]);
  keeper.drop(lease(2n));
  await clock.advance(10 * MINUTE);
  assert.equal(kept.signal.aborted, false, 'dropping one of an id leaves the other');
  keeper.drop(lease(1n));
  assert.equal(clock.waiting, 0);
});

test('after a stall as long as the lease nobody may finish, before any timer has fired', async () => {
  const clock = new FakeClock();
  const keeper = new LeaseKeeper({ renew: async () => [true] }, clock);
  const { entry } = new SchedulerRig().entry(['anna@a.test']);
  const lease = { id: entry.id, token: 1n, entry, dueAt: 0 };
  const tenure = keeper.keep(lease, clock.mono());
  await clock.advance(100_000);
  assert.equal(tenure.mayFinish(), true, 'it was renewed');
  clock.stall(120_000);
  assert.equal(tenure.signal.aborted, false, 'no timer has fired');
  assert.equal(tenure.mayFinish(), false);
  assert.equal(tenure.signal.aborted, true);
  keeper.drop(lease);
});

test('a lease dropped while its renewal is under way stays dropped', async () => {
  const clock = new FakeClock();
  const renewal = Promise.withResolvers<boolean[]>();
  const keeper = new LeaseKeeper({ renew: () => renewal.promise }, clock);
  const { entry } = new SchedulerRig().entry(['anna@a.test']);
  const lease = { id: entry.id, token: 1n, entry, dueAt: 0 };
  keeper.keep(lease, clock.mono());
  await clock.advance(40_000);
  keeper.drop(lease);
  renewal.resolve([true]);
  await settle();
  assert.equal(clock.waiting, 0);
});

test('a stop lets deliveries end and gives back what was only claimed', async () => {
  const rig = new SchedulerRig();
  rig.courier.takesMs = 10_000;
  rig.scheduler.start();
  for (let n = 0; n < 10; n++) await rig.mail([`mail${n}@a.test`]);
  await settle();
  let isStopped = false;
  const stopped = rig.scheduler.stop().then(() => {
    isStopped = true;
  });
  await rig.clock.advance(9999);
  assert.equal(isStopped, false);
  await rig.clock.advance(1);
  await stopped;
  assert.equal(rig.courier.taken.length, 2);
  const left = await rig.spool.scan({ limit: 99 });
  assert.deepEqual([left.length, left.filter(({ active }) => active).length], [8, 0]);
  rig.scheduler.wake();
  rig.scheduler.wake('a.test');
  rig.scheduler.retryNow('a.test');
  rig.scheduler.recovered('A');
  await rig.clock.advance(60 * MINUTE);
  assert.equal(rig.courier.begun.length, 2, 'nothing is begun after a stop');
});

test('a stop cuts a delivery that takes too long; its message is as it was', async () => {
  const rig = new SchedulerRig();
  rig.courier.takesMs = 60 * MINUTE;
  rig.scheduler.start();
  const id = await rig.mail(['anna@a.test']);
  await settle();
  const before = await rig.spool.get(id);
  const stopped = rig.scheduler.stop();
  await rig.clock.advance(30_000);
  await stopped;
  assert.deepEqual(await rig.spool.get(id), { ...before, active: false });
  assert.equal(rig.clock.waiting, 0);
});
