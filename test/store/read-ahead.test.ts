/** Contents read ahead: one call for many, each given out once, bounded, and damage told to its owner. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ReadAhead } from '../../src/store/leveldb/read-ahead.ts';

/** Answers with the keys themselves, and keeps what each call asked for. */
function database(isDamaged: (key: string) => boolean = () => false) {
  const calls: (readonly string[])[] = [];
  const getMany = async (keys: readonly string[]) => {
    calls.push(keys);
    await new Promise((resolve) => setImmediate(resolve));
    if (keys.some(isDamaged)) throw new Error('damaged');
    return keys.map((key) => (key === 'none' ? undefined : Buffer.from(key)));
  };
  return { calls, getMany };
}
const wanted = (...keys: string[]) => keys.map((key) => ({ key, bytes: 10 }));
const textOf = async (reads: ReadAhead, key: string) => {
  const [value] = await reads.getMany([key]);
  return value && Buffer.from(value).toString();
};

test('what was read ahead is there, before and after it has come, and once', async () => {
  const { calls, getMany } = database();
  const reads = new ReadAhead({ getMany });
  reads.begin(wanted('a', 'none', 'b'));
  assert.equal(await textOf(reads, 'a'), 'a');
  assert.equal(await textOf(reads, 'none'), undefined);
  assert.equal(await textOf(reads, 'b'), 'b');
  assert.deepEqual(calls, [['a', 'none', 'b']]);
  assert.equal(await textOf(reads, 'b'), 'b');
  assert.deepEqual(calls.slice(1), [['b']]);
});

test('one alone is not read ahead, and what is forgotten is read anew', async () => {
  const { calls, getMany } = database();
  const reads = new ReadAhead({ getMany });
  reads.begin(wanted('a'));
  assert.deepEqual(calls, []);
  reads.begin(wanted('a', 'b'));
  reads.forget('b');
  assert.equal(await textOf(reads, 'b'), 'b');
  assert.deepEqual(calls, [['a', 'b'], ['b']]);
});

test('damage of one keeps no other back', async () => {
  const { getMany } = database((key) => key === 'bad');
  const reads = new ReadAhead({ getMany });
  reads.begin(wanted('a', 'bad', 'b'));
  const got = await Promise.allSettled(['a', 'bad', 'b'].map((key) => textOf(reads, key)));
  assert.deepEqual(
    got.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});

test('beyond eight megabytes the oldest are let go', async () => {
  const { calls, getMany } = database();
  const reads = new ReadAhead({ getMany });
  const keys = Array.from({ length: 9 }, (_, n) => `k${n}`);
  reads.begin(keys.map((key) => ({ key, bytes: 1024 * 1024 })));
  for (const key of keys) assert.equal(await textOf(reads, key), key);
  assert.deepEqual(calls, [keys, ['k0']]);
  // All of it has been given out: there is room again.
  reads.begin(keys.slice(1).map((key) => ({ key, bytes: 1024 * 1024 })));
  assert.equal(await textOf(reads, 'k1'), 'k1');
  assert.equal(calls.length, 3);
});
