/** What happens when a destination is back: everything at once, but paced, and fair to the others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../support/fake-clock.ts';
import { MINUTE, SchedulerRig } from '../support/scheduler-rig.ts';

/** A rig whose destination A went down, with `n` messages waiting, some of them not due for long. */
async function outage(n: number, options: ConstructorParameters<typeof SchedulerRig>[0] = {}) {
  const rig = new SchedulerRig(options);
  rig.courier.says = (key) => (key === 'A' ? 'unreachable' : '250');
  rig.scheduler.start();
  for (let i = 0; i < n; i++) {
    const { entry } = await rig.mailDueIn([`mail${i}@a.test`], (i % 5) * 60 * MINUTE);
    rig.scheduler.wake(entry.dest);
    if (i === 0) await settle();
  }
  assert.equal(rig.health.isDown('A'), true);
  rig.courier.begun.length = 0;
  return rig;
}

test('a probe that is answered drains everything at once, whatever is due when', async () => {
  const rig = await outage(300);
  await rig.clock.advance(10_000);
  rig.courier.says = () => '250';
  await rig.clock.advance(20_000);
  assert.equal(rig.courier.probes.length, 1);
  assert.equal(rig.courier.taken.length, 300);
  assert.equal((await rig.entries()).length, 0);
  assert.equal(rig.log.of('msg.done').length, 300);
});

test('a delivery of anybody that is answered drains as well', async () => {
  const rig = await outage(10);
  rig.courier.says = () => '250';
  rig.health.observe('A', { kind: 'answered', ms: 3 });
  await settle();
  assert.equal(rig.courier.taken.length, 10);
  await rig.clock.advance(5 * MINUTE);
  assert.equal(rig.courier.probes.length, 0, 'no probe is left over');
});

test('a drain begins with two connections, doubles from round to round, and keeps to the bound', async () => {
  const rig = await outage(200);
  rig.courier.says = () => '250';
  rig.courier.takesMs = 1000;
  const together: number[] = [];
  rig.health.observe('A', { kind: 'answered', ms: 3 });
  await settle();
  for (let round = 0; round < 8; round++) {
    together.push(rig.courier.running.get('A') ?? 0);
    await rig.clock.advance(1000);
  }
  assert.deepEqual(together, [2, 4, 8, 16, 20, 20, 20, 20]);
  assert.equal(rig.courier.most.get('A'), 20);
});

test('domains of one destination share its pace', async () => {
  const rig = new SchedulerRig({ domains: { 'a.test': 'A', 'b.test': 'A', 'c.test': 'A' } });
  rig.courier.takesMs = 1000;
  rig.scheduler.start();
  for (let i = 0; i < 60; i++) await rig.mail([`mail@${['a', 'b', 'c'][i % 3]}.test`]);
  await settle();
  assert.equal(rig.courier.running.get('A'), 2);
  await rig.clock.advance(30_000);
  assert.equal(rig.courier.most.get('A'), 20);
  assert.equal(rig.courier.taken.length, 60);
});

test('a destination that puts us off gets fewer at once', async () => {
  const rig = await outage(400);
  rig.courier.takesMs = 1000;
  rig.courier.says = () => '250';
  rig.health.observe('A', { kind: 'answered', ms: 3 });
  await rig.clock.advance(5000);
  assert.equal(rig.courier.running.get('A'), 20);
  rig.courier.says = () => '450';
  await rig.clock.advance(1000);
  assert.equal(rig.courier.running.get('A'), 1);
  rig.courier.says = () => '250';
  await rig.clock.advance(1000);
  assert.equal(rig.courier.running.get('A'), 2);
});

test('in a drain each message is tried once; what is put off waits for its time', async () => {
  const rig = await outage(100);
  rig.courier.says = () => '450';
  rig.health.observe('A', { kind: 'answered', ms: 3 });
  const from = rig.clock.now();
  await rig.clock.advance(30_000);
  assert.equal(rig.courier.begun.length, 100);
  assert.equal(new Set(rig.courier.begun.map(({ id }) => id)).size, 100);
  const summaries = await rig.spool.scan({ limit: 200 });
  assert.ok(
    summaries.every(({ active }) => !active),
    'no lease is left over',
  );
  rig.courier.says = () => '250';
  await rig.clock.advance(5 * MINUTE);
  assert.equal(rig.courier.taken.length, 100);
  assert.ok(rig.courier.taken.every(({ at }) => at - from >= MINUTE));
});

test('a drain goes on however its deliveries come to their ends', async () => {
  for (let turns = 0; turns < 40; turns++) {
    const rig = await outage(12);
    const reschedule = rig.spool.reschedule.bind(rig.spool);
    let n = 0;
    rig.spool.reschedule = async (steps) => {
      for (let left = turns * (n++ % 2); left > 0; left--) await Promise.resolve();
      return reschedule(steps);
    };
    rig.courier.says = () => '450';
    rig.health.observe('A', { kind: 'answered', ms: 3 });
    await rig.clock.advance(10_000);
    assert.equal(rig.courier.begun.length, 12, `${turns} turns`);
  }
});

test('new mail that keeps coming does not keep a drain, and what it set aside, for ever', async () => {
  const rig = await outage(3);
  rig.courier.says = (_, address) => (address.startsWith('mail1') ? '450' : '250');
  rig.courier.takesMs = 1500;
  rig.health.observe('A', { kind: 'answered', ms: 3 });
  const from = rig.clock.now();
  for (let second = 0; second < 90; second++) {
    await rig.mail([`new${second}@a.test`]);
    await rig.clock.advance(1000);
  }
  const tries = rig.courier.begun.filter(({ to }) => to[0]?.startsWith('mail1'));
  assert.equal(tries.length, 2);
  assert.ok((tries[1]?.at ?? 0) - from < 63_000);
});

test('new mail does not wait behind a long queue, nor the queue behind new mail', async () => {
  const rig = await outage(1);
  for (let i = 0; i < 2000; i++) await rig.mailDueIn([`mail${i}@a.test`], 0);
  rig.courier.takesMs = 1000;
  rig.courier.says = () => '250';
  rig.health.observe('A', { kind: 'answered', ms: 3 });
  await rig.clock.advance(6000);
  // Four a second, with room for twenty.
  for (let second = 0; second < 40; second++) {
    for (let n = 0; n < 4; n++) await rig.mail([`new${second}.${n}@a.test`]);
    await rig.clock.advance(1000);
  }
  const of = (what: string) => rig.courier.taken.filter(({ to }) => to.startsWith(what));
  assert.ok(of('new').length >= 140, `${of('new').length} new ones are through`);
  assert.ok(of('mail').length >= 600, `${of('mail').length} old ones are through`);
  const firstOld = of('mail').slice(0, 200);
  assert.ok(
    firstOld.some(({ to }) => to === 'mail1@a.test'),
    'the one that was due first is among the first',
  );
});

test('a destination that goes down again in the drain gives everything back and is left alone', async () => {
  const rig = await outage(200);
  rig.courier.takesMs = 1000;
  rig.courier.says = () => '250';
  rig.health.observe('A', { kind: 'answered', ms: 3 });
  await rig.clock.advance(3500);
  rig.courier.says = () => 'unreachable';
  await rig.clock.advance(1000);
  assert.equal(rig.health.isDown('A'), true);
  const begun = rig.courier.begun.length;
  const summaries = await rig.spool.scan({ limit: 500 });
  assert.ok(summaries.length > 100);
  assert.ok(
    summaries.every(({ active }) => !active),
    'the leases are given back',
  );
  await rig.clock.advance(20_000);
  assert.equal(rig.courier.begun.length, begun);
  rig.courier.says = () => '250';
  await rig.clock.advance(60_000);
  assert.equal((await rig.entries()).length, 0);
});

test('a big backlog of one destination does not keep others waiting', async () => {
  const domains: Record<string, string> = {};
  for (let n = 0; n < 30; n++) domains[`big${n}.test`] = `BIG${n}`;
  const rig = new SchedulerRig({ domains: { ...domains, 'small.test': 'SMALL' } });
  rig.courier.takesMs = 1000;
  rig.scheduler.start();
  for (let i = 0; i < 3000; i++) await rig.mail([`mail@big${i % 30}.test`]);
  await rig.clock.advance(6000);
  const total = [...rig.courier.running.values()].reduce((sum, n) => sum + n, 0);
  assert.ok(total > 180 && total < 200, `${total}: almost as many at once as there may be`);
  const from = rig.clock.now();
  await rig.mail(['anna@small.test']);
  await rig.clock.advance(6000);
  const [taken] = rig.courier.taken.filter(({ to }) => to === 'anna@small.test');
  assert.ok(taken !== undefined && taken.at - from <= 1000, 'it found a place at once');
  assert.ok((await rig.entries()).length > 100, 'the backlog is still there');
});

test('who waited for a place while the destination went down is not tried any more', async () => {
  const domains: Record<string, string> = {};
  for (let n = 0; n < 20; n++) domains[`d${n}.test`] = 'A';
  const rig = new SchedulerRig({ domains });
  rig.courier.takesMs = 1000;
  rig.courier.says = () => 'unreachable';
  rig.scheduler.start();
  for (let n = 0; n < 20; n++) await rig.mail([`mail@d${n}.test`]);
  await rig.clock.advance(20_000);
  assert.equal(rig.courier.begun.length, 2, 'the first two found out');
  const summaries = await rig.spool.scan({ limit: 99 });
  assert.ok(summaries.every(({ active }) => !active));
});
