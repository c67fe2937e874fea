/** How many deliveries a destination gets at once, seen from a destination with a capacity. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from '../../src/delivery/pace.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SchedulerRig } from '../support/scheduler-rig.ts';

/** Runs deliveries that each take `ms(at once)`, as many as the pace lets, for a while. */
async function busy(pace: Pace, clock: FakeClock, forMs: number, ms: (atOnce: number) => number) {
  const end = clock.mono() + forMs;
  const work = async (): Promise<void> => {
    while (clock.mono() < end) {
      await pace.run(async () => {
        const took = ms(pace.running);
        await clock.sleep(took);
        pace.took(took, 0);
        return { result: 'delivered' };
      });
    }
  };
  const workers = Promise.all(Array.from({ length: 100 }, work));
  await clock.advance(forMs + 60_000);
  await workers;
}

test('a destination that keeps its speed gets all connections within seconds', async () => {
  const clock = new FakeClock();
  const pace = new Pace(() => 40);
  await busy(pace, clock, 5000, () => 100);
  assert.equal(pace.limit, 40);
});

test('a destination that slows down under load gets fewer, and more when it is quick again', async () => {
  const clock = new FakeClock();
  const pace = new Pace(() => 40);
  // It does eight at once in 200 ms; beyond, each one more makes all wait half a second longer.
  const strained = (atOnce: number) => 200 + Math.max(0, atOnce - 8) * 500;
  await busy(pace, clock, 120_000, strained);
  assert.ok(pace.limit >= 4 && pace.limit <= 16, `${pace.limit} at once`);
  await busy(pace, clock, 120_000, () => 200);
  assert.equal(pace.limit, 40);
});

test('large mail takes long without being taken for slowness', async () => {
  const clock = new FakeClock();
  const pace = new Pace(() => 10);
  for (let n = 0; n < 200; n++) {
    const isLarge = n % 3 === 0;
    await pace.run(async () => {
      pace.took(isLarge ? 20_000 : 100, isLarge ? 25_000_000 : 5000);
      return { result: 'delivered' };
    });
  }
  assert.equal(pace.limit, 10);
  assert.equal(clock.waiting, 0);
});

test('it halves when the destination puts us off and begins anew after an outage', async () => {
  const pace = new Pace(() => 16);
  const deliver = (result: 'delivered' | 'put-off') => pace.run(async () => ({ result }));
  for (let n = 0; n < 20; n++) await deliver('delivered');
  assert.equal(pace.limit, 16);
  await deliver('put-off');
  assert.equal(pace.limit, 8);
  pace.restart();
  assert.equal(pace.limit, 2);
});

test('a long queue of one domain does not starve another domain of the destination', async () => {
  const rig = new SchedulerRig({
    domains: { 'a.test': 'S', 'b.test': 'S' },
    maxConnections: 4,
  });
  rig.courier.takesMs = 100;
  rig.scheduler.start();
  for (let n = 0; n < 2000; n++) await rig.mailDueIn([`mail${n}@a.test`], 0);
  rig.scheduler.wake('a.test');
  await rig.clock.advance(1000);
  const before = rig.courier.taken.length;
  for (let n = 0; n < 20; n++) await rig.mail([`mail${n}@b.test`]);
  await rig.clock.advance(2000);
  const taken = rig.courier.taken.slice(before);
  const others = taken.filter(({ to }) => to.endsWith('@b.test')).length;
  assert.equal(others, 20, `of ${taken.length}`);
});
