/** How many of something are let through in an hour. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { LeakyBuckets } from '../../src/base/leaky-buckets.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MINUTE_MS = 60_000;

test('as many at once as it holds, then one whenever as much has leaked', async () => {
  const clock = new FakeClock();
  const buckets = new LeakyBuckets(clock, 10);
  const passed = async (times: number): Promise<number> => {
    let count = 0;
    for (let i = 0; i < times; i++) {
      if (buckets.hasRoom('a', 30, 30)) {
        buckets.add('a', 30, 30);
        count += 1;
      }
      await clock.advance(1);
    }
    return count;
  };
  assert.equal(await passed(100), 30);
  await clock.advance(2 * MINUTE_MS);
  assert.equal(await passed(100), 1);
  assert.ok(buckets.hasRoom('b', 30, 30), 'each for itself');
});
