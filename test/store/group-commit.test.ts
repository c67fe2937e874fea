/** The group commit: one batch in flight, whole groups, in order, and nothing after a failure. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { GroupCommit } from '../../src/store/leveldb/group-commit.ts';
import type { WriteOp } from '../../src/store/leveldb/database.ts';

/** A disk whose batches end when the test says so. */
function slowDisk() {
  const batches: { keys: string[]; sync: boolean; end: (error?: Error) => void }[] = [];
  const state = { inFlight: 0, most: 0 };
  const writer = {
    batch(ops: readonly WriteOp[], { sync }: { sync: boolean }) {
      state.most = Math.max(state.most, ++state.inFlight);
      return new Promise<void>((resolve, reject) => {
        const end = (error?: Error) => {
          state.inFlight--;
          if (error) reject(error);
          else resolve();
        };
        batches.push({ keys: ops.map(({ key }) => key), sync, end });
      });
    },
  };
  return { writer, batches, state };
}
const put = (key: string, bytes = 1): WriteOp => ({ type: 'put', key, value: Buffer.alloc(bytes) });
/** Batches begin at the end of a turn: in the next one they have. */
const turn = async () => {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('groups of one turn go together, and so does what comes while a batch is in flight', async () => {
  const { writer, batches, state } = slowDisk();
  const pump = new GroupCommit(writer, { sync: true });
  const first = Promise.all([pump.write([put('a')]), pump.write([put('a2')])]);
  await turn();
  assert.deepEqual(batches[0]?.keys, ['a', 'a2'], 'without waiting for anything');
  const rest = [pump.write([put('b'), put('c')]), pump.write([put('d')])];
  await turn();
  assert.equal(batches.length, 1);
  batches[0]?.end();
  await first;
  await turn();
  assert.deepEqual(batches[1]?.keys, ['b', 'c', 'd']);
  batches[1]?.end();
  await Promise.all(rest);
  assert.equal(state.most, 1);
  assert.ok(batches.every(({ sync }) => sync));
});

test('a group is never divided, and a batch keeps to its bounds', async () => {
  const { writer, batches } = slowDisk();
  const pump = new GroupCommit(writer, { sync: true });
  const MB = 1024 * 1024;
  const writes = [pump.write([put('a')])];
  for (const key of ['b', 'c', 'd']) writes.push(pump.write([put(key, 3 * MB)]));
  writes.push(pump.write(Array.from({ length: 1500 }, (_, n) => put(`e${n}`))));
  writes.push(pump.write([put('f')]));
  for (let n = 0; n < 4; n++) {
    await turn();
    batches[n]?.end();
  }
  await Promise.all(writes);
  assert.deepEqual(
    batches.map(({ keys }) => keys.length),
    [3, 1, 1500, 1],
  );
  assert.equal(pump.waitingBytes, 0);
});

test('what is in memory follows before the next batch starts', async () => {
  const { writer, batches } = slowDisk();
  const pump = new GroupCommit(writer, { sync: true });
  const seen: string[] = [];
  const first = pump.write([put('a')], () => seen.push(`a applied, ${batches.length} started`));
  await turn();
  const second = pump.write([put('b')], () => seen.push('b applied'));
  batches[0]?.end();
  await first;
  await turn();
  batches[1]?.end();
  await second;
  assert.deepEqual(seen, ['a applied, 1 started', 'b applied']);
});

test('exclusive work runs while nothing is in flight', async () => {
  const { writer, batches, state } = slowDisk();
  const pump = new GroupCommit(writer, { sync: true });
  const writes = [pump.write([put('a')])];
  await turn();
  writes.push(pump.write([put('b')]));
  const work = pump.exclusive(async () => {
    const before = state.inFlight;
    await turn();
    return [before, state.inFlight, batches.length];
  });
  batches[0]?.end();
  assert.deepEqual(await work, [0, 0, 1]);
  await turn();
  batches[1]?.end();
  await Promise.all(writes);
});

test('a failed batch rejects its groups only, and applies none', async () => {
  const { writer, batches } = slowDisk();
  const pump = new GroupCommit(writer, { sync: true });
  const applied: string[] = [];
  const first = pump.write([put('a')], () => applied.push('a'));
  await turn();
  const second = pump.write([put('b')], () => applied.push('b'));
  batches[0]?.end(new Error('disk'));
  await assert.rejects(first, /disk/);
  await turn();
  batches[1]?.end();
  await second;
  assert.deepEqual(applied, ['b']);
});

test('stop waits for what was taken and takes nothing more', async () => {
  const { writer, batches } = slowDisk();
  const pump = new GroupCommit(writer, { sync: true });
  const writes = [pump.write([put('a')])];
  await turn();
  writes.push(pump.write([put('b')]));
  let stopped = false;
  const stop = pump.stop().then(() => (stopped = true));
  await assert.rejects(pump.write([put('c')]), { code: 'STOPPING' });
  await assert.rejects(
    pump.exclusive(async () => undefined),
    { code: 'STOPPING' },
  );
  batches[0]?.end();
  await turn();
  assert.equal(stopped, false);
  batches[1]?.end();
  await Promise.all([...writes, stop]);
});
