/** Clients that guess addresses are slowed, then sent away for now, and never for good. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientNetwork } from '../../src/base/client-network.ts';
import { LeakyBuckets } from '../../src/base/leaky-buckets.ts';
import { networkTest } from '../../src/config/endpoint.ts';
import { HarvestGuard } from '../../src/pipeline/harvest-guard.ts';
import { FakeClock } from '../support/fake-clock.ts';

const HOUR = 3_600_000;
const LIMITS = { perHour: 100, isExempt: networkTest(['192.0.2.0/24', '2001:db8:1::/48']) };
const NEVER = new AbortController();

async function guess(clock: FakeClock, guard: HarvestGuard, client: string, times: number) {
  for (let n = 0; n < times; n++) {
    const told = guard.refused({ address: client }, LIMITS, NEVER);
    await clock.advance(3_000);
    await told;
  }
}

test('good, then slowed, then shut out, and good again when it has been quiet', async () => {
  const clock = new FakeClock();
  const guard = new HarvestGuard(clock);
  const standing = () => guard.standing({ address: '198.51.100.7' }, LIMITS);
  await guess(clock, guard, '198.51.100.7', 40);
  assert.equal(standing(), 'good');
  let isTold = false;
  await guess(clock, guard, '198.51.100.7', 20);
  assert.equal(standing(), 'guessing');
  const told = Promise.resolve(guard.refused({ address: '198.51.100.7' }, LIMITS, NEVER)).then(
    () => (isTold = true),
  );
  await clock.advance(2_900);
  assert.equal(isTold, false, 'a refusal takes its time now');
  await clock.advance(200);
  await told;
  await guess(clock, guard, '198.51.100.7', 400);
  assert.equal(standing(), 'shut-out');
  assert.equal(guard.standing({ address: '198.51.100.8' }, LIMITS), 'good', 'his neighbour is not');
  await clock.advance(HOUR);
  assert.equal(standing(), 'good', 'however long he went on');
});

test('exempt networks are never counted, and an IPv6 client is his whole /64', async () => {
  const clock = new FakeClock();
  const guard = new HarvestGuard(clock);
  await guess(clock, guard, '192.0.2.9', 150);
  assert.equal(guard.standing({ address: '192.0.2.9' }, LIMITS), 'good');
  await guess(clock, guard, '2001:db8:1::5', 150);
  assert.equal(guard.standing({ address: '2001:db8:1::5' }, LIMITS), 'good');
  await guess(clock, guard, '2001:db8:2::5', 150);
  assert.equal(guard.standing({ address: '2001:db8:2:0:1:2:3:4' }, LIMITS), 'shut-out');
  assert.equal(guard.standing({ address: '2001:db8:2:1::5' }, LIMITS), 'good');
});

test('an address’s network is the same however it is written', () => {
  for (const [address, network] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8::', '2001:db8:0:0::/64'],
    ['2001:0DB8:0000:0001:0:0:0:1', '2001:db8:0:1::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['fe80::1:2:3:4:5', 'fe80:0:0:1::/64'],
  ]) {
    assert.equal(clientNetwork(address ?? ''), network);
  }
});

test('of very many clients those longest quiet are forgotten', () => {
  const buckets = new LeakyBuckets(new FakeClock(), 3);
  for (const key of ['a', 'b', 'c', 'a', 'd']) buckets.add(key, 1, 10);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => buckets.level(key, 1)),
    [2, 0, 1, 1],
  );
});

test('a customer is counted by his account, and has ten times the measure', async () => {
  const clock = new FakeClock();
  const guard = new HarvestGuard(clock);
  const customer = { address: '198.51.100.7', account: 'anna@example.org' };
  const guessing = Array.from({ length: 600 }, () => guard.refused(customer, LIMITS, NEVER));
  assert.equal(guard.standing(customer, LIMITS), 'guessing');
  assert.equal(guard.standing({ ...customer, address: '198.51.100.8' }, LIMITS), 'guessing');
  assert.equal(guard.standing({ address: customer.address }, LIMITS), 'good', 'not his neighbours');
  guessing.push(...Array.from({ length: 400 }, () => guard.refused(customer, LIMITS, NEVER)));
  assert.equal(guard.standing(customer, LIMITS), 'shut-out');
  await clock.advance(3_000);
  for (const told of guessing) await told;
});
