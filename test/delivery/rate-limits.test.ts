import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Destination } from '../../src/directory/domain.ts';
import { RateLimits } from '../../src/delivery/rate-limits.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MINUTE, SchedulerRig, destination } from '../support/scheduler-rig.ts';

function limited(messages: number, perMs: number): Destination {
  const plain = destination('A', 20);
  assert.ok(plain !== undefined);
  return { ...plain, rate: { messages, perMs } };
}

test('a rate is kept over any time, and a second of it may come at once', async () => {
  const clock = new FakeClock();
  const rates = new RateLimits(clock);
  const server = limited(600, MINUTE);
  let taken = 0;
  for (let ms = 0; ms < 2 * MINUTE; ms += 10) {
    while (rates.take(server, 'queue') === 0) taken += 1;
    await clock.advance(10);
  }
  assert.ok(taken >= 1200 && taken <= 1211, `${taken} in two minutes`);
});

test('one message a minute is one a minute, not sixty in the first second', async () => {
  const clock = new FakeClock();
  const rates = new RateLimits(clock);
  const server = limited(1, MINUTE);
  assert.equal(rates.take(server, 'session'), 0);
  assert.equal(rates.take(server, 'session'), MINUTE);
  await clock.advance(MINUTE);
  assert.equal(rates.take(server, 'session'), 0);
});

test('while the queue waits, sessions get every second place', async () => {
  const clock = new FakeClock();
  const rates = new RateLimits(clock);
  const server = limited(60, MINUTE);
  const got = { session: 0, queue: 0 };
  for (let second = 0; second < 1000; second++) {
    // A stream of new mail asks first, again and again.
    for (let n = 0; n < 5; n++) if (rates.take(server, 'session') === 0) got.session += 1;
    if (rates.take(server, 'queue') === 0) got.queue += 1;
    await clock.advance(1000);
  }
  assert.ok(got.session >= 490 && got.queue >= 490, JSON.stringify(got));
});

test('without a rate nothing waits', () => {
  const rates = new RateLimits(new FakeClock());
  const server = destination('A', 20);
  assert.ok(server !== undefined);
  for (let n = 0; n < 1000; n++) assert.equal(rates.take(server, 'queue'), 0);
});

test('a long queue goes out at the rate, and a stop does not wait for it', async () => {
  const clock = new FakeClock();
  const rates = new RateLimits(clock);
  const paced = new SchedulerRig({
    clock,
    scheduler: { route: () => limited(60, MINUTE), rates },
  });
  for (let n = 0; n < 200; n++) await paced.mail([`mail${n}@a.test`]);
  paced.scheduler.start();
  await paced.clock.advance(MINUTE);
  assert.ok(Math.abs(paced.courier.taken.length - 60) <= 2, `${paced.courier.taken.length}`);
  let isStopped = false;
  void paced.scheduler.stop().then(() => {
    isStopped = true;
  });
  await paced.clock.advance(0);
  assert.ok(isStopped);
  const active = (await paced.spool.scan({ limit: 999 })).filter((one) => one.active);
  assert.deepEqual(active, [], 'what waited for its turn was given back');
});
