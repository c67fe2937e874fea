/** Looks that are asked for come soon, what is left is looked at later, and never two at a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rounds } from '../../src/pipeline/rounds.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

const TIMES = { firstMs: 50, soonMs: 10, againMs: 300 };

interface Look {
  readonly at: number;
  readonly signal: AbortSignal;
  end(isLeft: boolean): void;
  fail(): void;
}

function roundsOn(clock: FakeClock) {
  const looks: Look[] = [];
  const faults: unknown[] = [];
  const from = clock.now();
  const rounds = new Rounds({
    look: (signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<boolean>();
      const fail = () => reject(new Error('cannot be read'));
      looks.push({ at: clock.now() - from, signal, end: resolve, fail });
      return promise;
    },
    ...{ ...TIMES, clock, onFault: (error: unknown) => faults.push(error) },
  });
  const last = () => {
    const look = looks.at(-1);
    assert.ok(look !== undefined);
    return look;
  };
  return { rounds, looks, faults, last, times: () => looks.map(({ at }) => at) };
}

test('first, soon, and again only while something is left', async () => {
  const clock = new FakeClock();
  const { rounds, last, times } = roundsOn(clock);
  rounds.start();
  await clock.advance(50);
  last().end(true);
  await settle();
  await clock.advance(300);
  last().end(false);
  await clock.advance(10_000);
  assert.deepEqual([times(), clock.waiting], [[50, 350], 0]);
  rounds.soon();
  rounds.soon();
  await clock.advance(10);
  last().end(false);
  await clock.advance(10_000);
  assert.deepEqual(times(), [50, 350, 10_360]);
  await rounds.stop();
});

test('who asks during a look gets another, after its end', async () => {
  const clock = new FakeClock();
  const { rounds, last, times } = roundsOn(clock);
  rounds.start();
  await clock.advance(50);
  rounds.soon();
  await clock.advance(1000);
  assert.deepEqual(times(), [50], 'one at a time');
  last().end(false);
  await settle();
  await clock.advance(10);
  assert.deepEqual(times(), [50, 1060]);
  last().end(false);
  await settle();
  await clock.advance(10_000);
  assert.deepEqual(times(), [50, 1060]);
  await rounds.stop();
});

test('a look that failed is told of and made again', async () => {
  const clock = new FakeClock();
  const { rounds, last, times, faults } = roundsOn(clock);
  rounds.start();
  await clock.advance(50);
  last().fail();
  await settle();
  assert.equal(faults.length, 1);
  await clock.advance(300);
  assert.deepEqual(times(), [50, 350]);
  last().end(false);
  await rounds.stop();
});

test('the end waits for the look that is under way, and none follows', async () => {
  const clock = new FakeClock();
  const { rounds, last, times } = roundsOn(clock);
  rounds.start();
  await clock.advance(50);
  let isStopped = false;
  const stopping = rounds.stop().then(() => (isStopped = true));
  await settle();
  assert.deepEqual([isStopped, last().signal.aborted], [false, true]);
  rounds.soon();
  last().end(true);
  await stopping;
  await clock.advance(10_000);
  assert.deepEqual([times(), clock.waiting], [[50], 0]);
});
