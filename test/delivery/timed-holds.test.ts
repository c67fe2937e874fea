/** Holds of messages that end by themselves: each at its time, whoever ran when it was set. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimedHolds } from '../../src/delivery/timed-holds.ts';
import { memoryContent } from '../../src/mail/content.ts';
import { MemorySpool } from '../../src/store/memory/spool.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { entry } from '../store/sample-mail.ts';

const MINUTE = 60_000;

async function rig(beforeStep?: (store: MemorySpool) => Promise<void>) {
  const clock = new FakeClock();
  const store: MemorySpool = new MemorySpool({
    clock,
    fault: async (step, when) => {
      if (step === 'administer' && when === 'before') await beforeStep?.(store);
    },
  });
  await store.start();
  const log = new RecordedLog();
  const woken: string[] = [];
  const holds = new TimedHolds({
    ...{ store, clock, log },
    lifetimeMs: () => 100 * MINUTE,
    wake: (lane) => void woken.push(lane),
    onFault: (error) => assert.fail(String(error)),
  });
  const add = (id: string, minutes: number | undefined) => {
    const until = minutes === undefined ? {} : { until: clock.now() + minutes * MINUTE };
    const hold = { by: 'root', at: clock.now(), reason: 'by_hand', text: '', ...until } as const;
    const message = entry(id, { hold, expiresAt: clock.now() + MINUTE });
    return store.commit(message, clock.now(), memoryContent([Buffer.from('x')]));
  };
  const released = () => log.of('queue.release').map(({ id }) => id);
  return { clock, store, holds, add, released, woken };
}

test('each goes at its end with a new lifetime, and one without an end stays', async () => {
  const { clock, store, holds, add, released, woken } = await rig();
  await add('A.1', 30);
  await add('B.1', undefined);
  await add('C.1', 10);
  holds.start();
  await clock.advance(5 * MINUTE);
  await add('D.1', 1);
  holds.endsAt(clock.now() + MINUTE);
  await clock.advance(MINUTE - 1);
  assert.deepEqual(released(), []);
  await clock.advance(1);
  assert.deepEqual(released(), ['D.1']);
  await clock.advance(4 * MINUTE);
  assert.deepEqual(released(), ['D.1', 'C.1']);
  await clock.advance(100 * 24 * 60 * MINUTE);
  assert.deepEqual(released(), ['D.1', 'C.1', 'A.1']);
  assert.deepEqual(woken, ['example.com', 'example.com', 'example.com']);
  assert.ok((await store.get('B.1'))?.entry.hold);
  const { entry: left } = (await store.get('A.1')) ?? {};
  assert.deepEqual(
    [left?.hold, left?.expiresAt],
    [undefined, clock.now() - 100 * 24 * 60 * MINUTE + 120 * MINUTE],
  );
  await holds.stop();
  assert.equal(clock.waiting, 0);
});

test('an end that passed while nobody ran is found at the start', async () => {
  const { clock, holds, add, released } = await rig();
  await add('A.1', 10);
  await clock.advance(20 * MINUTE);
  holds.start();
  await clock.advance(0);
  assert.deepEqual(released(), ['A.1']);
  await holds.stop();
});

test('a hold that somebody makes longer while its end is looked at goes on', async () => {
  let isLonger = false;
  const { clock, store, holds, add, released } = await rig(async () => {
    if (isLonger) return;
    isLonger = true;
    const until = clock.now() + 30 * MINUTE;
    const hold = { by: 'root', at: clock.now(), reason: 'by_hand', text: '', until } as const;
    await store.administer('A.1', { kind: 'hold', hold });
    holds.endsAt(until);
  });
  await add('A.1', 10);
  holds.start();
  await clock.advance(11 * MINUTE);
  assert.ok(isLonger);
  assert.deepEqual(released(), []);
  await clock.advance(29 * MINUTE);
  assert.deepEqual(released(), ['A.1']);
  await holds.stop();
  assert.equal(clock.waiting, 0);
});
