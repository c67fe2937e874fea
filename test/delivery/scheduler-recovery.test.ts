/** A destination that is back, when something else goes wrong at the same time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from '../../src/base/errors.ts';
import { settle } from '../support/fake-clock.ts';
import { MINUTE, SchedulerRig } from '../support/scheduler-rig.ts';

const HOUR = 60 * MINUTE;

/** A destination A that is down, and `n` messages for it that are due in an hour. */
async function outage(n: number, options: ConstructorParameters<typeof SchedulerRig>[0] = {}) {
  const rig = new SchedulerRig(options);
  rig.courier.says = () => 'unreachable';
  rig.scheduler.start();
  rig.health.observe('A', { kind: 'unreachable', text: 'gone' });
  for (let i = 0; i < n; i++) await rig.mailDueIn([`mail${i}@a.test`], HOUR);
  return rig;
}

function isBack(rig: SchedulerRig): void {
  rig.courier.says = () => '250';
  rig.health.observe('A', { kind: 'answered', ms: 3 });
}

test('a message that trips us up is tried once in a drain, not again and again', async () => {
  const rig = await outage(40);
  let reads = 0;
  rig.spool.readContent = () => {
    reads += 1;
    // So that the test ends when the rule is broken.
    if (reads > 200) return new ReadableStream<Uint8Array>();
    throw new TypeError('poison');
  };
  isBack(rig);
  await rig.clock.advance(1000);
  assert.equal(reads, 40);
  assert.ok((await rig.entries()).every(({ attempts }) => attempts === 1));
});

test('it comes back, goes and comes back while one delivery hangs: everything is tried', async () => {
  const rig = await outage(40);
  const deliver = rig.courier.deliver.bind(rig.courier);
  rig.courier.deliver = (job, signal) => {
    rig.courier.takesMs = rig.courier.begun.length === 0 ? 20 * MINUTE : 1000;
    return deliver(job, signal);
  };
  isBack(rig);
  await settle();
  rig.courier.says = () => 'unreachable';
  rig.health.observe('A', { kind: 'unreachable', text: 'gone' });
  await rig.clock.advance(5000);
  assert.equal(rig.health.isDown('A'), true);
  const active = (await rig.spool.scan({ limit: 99 })).filter((one) => one.active);
  assert.equal(active.length, 1, 'only what is under way keeps its lease while it is down');
  isBack(rig);
  await rig.clock.advance(25 * MINUTE);
  assert.equal(rig.courier.taken.length, 40);
});

test('a store that fails once in a drain does not end it', async () => {
  let claims = 0;
  const rig = await outage(40, {
    fault: (step, when) => {
      if (step === 'claim' && when === 'before' && ++claims === 3) throw new Error('once');
    },
  });
  rig.courier.takesMs = 10;
  isBack(rig);
  await rig.clock.advance(5000);
  assert.equal(rig.courier.taken.length, 40);
});

test('what a claim brings when the run is about to fail is given back', async () => {
  const claims: (() => void)[] = [];
  const rig = await outage(20, {
    fault: (step, when) => {
      if (step === 'complete' && when === 'before' && claims.length > 0)
        throw new CodedError('DEADLINE', 'once');
      if (step !== 'claim' || when === 'before' || rig.courier.begun.length < 4) return undefined;
      return new Promise<void>((resolve) => claims.push(resolve));
    },
  });
  rig.courier.takesMs = 10;
  isBack(rig);
  for (let ms = 0; ms < 50; ms++) await rig.clock.advance(1);
  assert.equal(claims.length, 1);
  claims[0]?.();
  await settle();
  const active = (await rig.spool.scan({ limit: 99 })).filter((one) => one.active);
  assert.deepEqual(active, []);
});

test('a destination that is back while the scheduler rests is drained after the rest', async () => {
  let claims = 0;
  const rig = await outage(5, {
    domains: { 'a.test': 'A', 'b.test': 'B' },
    fault: (step, when) => {
      if (step === 'claim' && when === 'before' && ++claims === 1) throw new Error('once');
    },
  });
  await rig.mail(['bert@b.test']);
  await settle();
  isBack(rig);
  await rig.clock.advance(5000);
  assert.equal(rig.courier.taken.length, 6);
});

test('the end of a lifetime is looked for where nothing is tried, nowhere else', async () => {
  const rig = await outage(1, {
    domains: { 'a.test': 'A', 'b.test': 'B' },
    policy: { lifetimeMs: 10 * MINUTE },
  });
  const old = { id: '0000000000.1', expiresAt: rig.clock.now() + 30_000 };
  rig.courier.says = (key) => (key === 'A' ? 'unreachable' : '250');
  // B is up, and busy with long deliveries: this one waits for its turn beyond its time.
  rig.courier.takesMs = 2 * MINUTE;
  for (let i = 0; i < 20; i++) await rig.mail([`mail${i}@b.test`]);
  const id = await rig.mail(['last@b.test'], old);
  await rig.clock.advance(9 * MINUTE);
  assert.equal((await rig.spool.get(id))?.entry.hold, undefined);
  assert.ok(rig.courier.taken.some(({ to }) => to === 'last@b.test'));
});

test('an id as old as its session does not hide what is over behind it', async () => {
  const rig = await outage(0, { policy: { lifetimeMs: 10 * MINUTE } });
  const soon = { expiresAt: rig.clock.now() + 30_000 };
  // More than a look reads at once.
  for (let i = 0; i < 250; i++) await rig.mail([`old${i}@a.test`], soon);
  const young = await rig.mail(['new@a.test'], { id: '0000000000.7' });
  await rig.clock.advance(2 * MINUTE);
  const waiting = (await rig.entries()).filter(({ hold }) => hold === undefined);
  assert.deepEqual(
    waiting.map(({ id }) => id),
    [young],
  );
});

test('a probe that trips over something is not the last one', async () => {
  const rig = await outage(1);
  const probe = rig.courier.probe.bind(rig.courier);
  rig.courier.probe = async () => {
    rig.courier.probe = probe;
    throw new TypeError('unexpected');
  };
  rig.courier.says = () => '250';
  await rig.clock.advance(2 * MINUTE);
  assert.equal(rig.courier.taken.length, 1);
});
