/** Reads side by side: who asks gets his own values, in few calls; damage stays with its owner. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { GatheredReads } from '../../src/store/leveldb/gathered-reads.ts';

/** Answers with the keys themselves, and keeps what each call asked for. */
function database(isDamaged: (key: string) => boolean = () => false) {
  const calls: string[][] = [];
  const getMany = async (keys: readonly string[]) => {
    calls.push([...keys]);
    await new Promise((resolve) => setImmediate(resolve));
    if (keys.some(isDamaged)) throw new Error('damaged');
    return keys.map((key) => (key === 'none' ? undefined : Buffer.from(key)));
  };
  return { calls, getMany };
}
const texts = (values: (Uint8Array | undefined)[]) =>
  values.map((value) => value && Buffer.from(value).toString());

test('the first reads at once, those behind it together, each gets what it asked for', async () => {
  const { calls, getMany } = database();
  const reads = new GatheredReads({ getMany });
  const got = await Promise.all([['a'], ['b', 'none'], ['c']].map((keys) => reads.getMany(keys)));
  assert.deepEqual(got.map(texts), [['a'], ['b', undefined], ['c']]);
  assert.deepEqual(calls, [['a'], ['b', 'none', 'c']]);
  assert.deepEqual(texts(await reads.getMany(['d'])), ['d']);
});

test('one call is bounded', async () => {
  const { calls, getMany } = database();
  const reads = new GatheredReads({ getMany });
  const keys = Array.from({ length: 1000 }, (_, n) => `k${n}`);
  const got = await Promise.all(keys.map((key) => reads.getMany([key])));
  assert.deepEqual(got.flatMap(texts), keys);
  assert.ok(calls.every((call) => call.length <= 64));
  assert.ok(calls.length < 20);
  // More than a call holds, asked for at once, is one call all the same.
  assert.equal((await reads.getMany(keys)).length, 1000);
});

test('damage is told to those alone who asked for it', async () => {
  const { getMany } = database((key) => key === 'bad');
  const reads = new GatheredReads({ getMany });
  const asked = [['a'], ['b'], ['bad'], ['c']].map((keys) => reads.getMany(keys));
  const got = await Promise.allSettled(asked);
  assert.deepEqual(
    got.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(texts(await reads.getMany(['d'])), ['d']);
});
