/** The counters of LevelDB against the model: the same random steps must give the same results. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { CounterStore, Granted } from '../../src/store/counter-store.ts';
import { MemoryCounterStore } from '../../src/store/memory/counters.ts';
import { levelFixture } from './level-fixture.ts';
import { StillClock } from './still-clock.ts';

const RUNS = Number(process.env['SEEDS'] ?? 60);
const HOUR = 3_600_000;
const KEYS = ['a', 'b', 'c'];
const key = fc.constantFrom(...KEYS);
const limit = fc.option(fc.constantFrom(0, 1, 3, 8), { nil: undefined, freq: 2 });
const limits = fc
  .record({ minute: limit, hour: limit, day: limit, week: limit, month: limit })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, one]) => one !== undefined)));
const demand = fc.record({ key, limits }).map((one) => ({
  ...one,
  timeZone: one.key === 'c' ? 'Asia/Kathmandu' : 'Europe/Berlin',
}));
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('take' as const),
      demands: fc.array(demand, { minLength: 1, maxLength: 3 }),
      by: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('giveBack' as const),
      granted: fc.nat(30),
      by: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('strike' as const),
      key,
      max: fc.nat(2),
      maxAutoUnlocks: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('unlock' as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('reset' as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('lock' as const), key, forMs: fc.nat(99) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('sweep' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('move' as const),
      ms: fc.constantFrom(1, 20_000, 70_000, -90_000, HOUR, 25 * HOUR, 800 * HOUR, -HOUR),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('restart' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Side {
  store: CounterStore;
  granted: Granted[];
}

async function take({ store, granted }: Side, clock: StillClock, one: Step): Promise<unknown> {
  switch (one.op) {
    case 'take': {
      const answer = await store.take(one.demands, one.by);
      if (answer.kind === 'granted') granted.push(answer);
      return answer;
    }
    case 'giveBack': {
      const found = granted[one.granted % Math.max(granted.length, 1)];
      return found && store.giveBack(found, one.by);
    }
    case 'strike': {
      const { max, maxAutoUnlocks } = one;
      const times = { windowMs: 60_000, lockMs: 2 * HOUR };
      return store.strike(one.key, { max, maxAutoUnlocks, ...times, by: 'gateway', text: 'spam' });
    }
    case 'unlock':
      return store.unlock(one.key);
    case 'reset':
      return store.reset(one.key);
    case 'lock':
      return store.lock(one.key, {
        at: clock.now(),
        until: clock.now() + one.forMs,
        by: 'admin',
        text: '',
      });
    case 'sweep':
      return void (await store.sweep(99));
    case 'move':
    case 'restart':
      return undefined; // steps of both sides at once
  }
}

test('random steps give the same counts in LevelDB as in the model', async () => {
  const run = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const clock = new StillClock(Date.parse('2026-10-24T21:30Z'));
    const fixture = await levelFixture({ clock });
    const disk = new Map<string, unknown>();
    const model: Side = { store: new MemoryCounterStore({ clock, disk }), granted: [] };
    const level: Side = { store: fixture.store.counters, granted: [] };
    try {
      for (const one of steps) {
        if (one.op === 'move') clock.move(one.ms);
        if (one.op === 'restart') {
          model.store = new MemoryCounterStore({ clock, disk });
          level.store = (await fixture.reopen()).counters;
          model.granted = [];
          level.granted = [];
        }
        const [expected, found] = [await take(model, clock, one), await take(level, clock, one)];
        assert.deepEqual(found, expected, one.op);
        for (const each of KEYS) {
          assert.deepEqual(await level.store.peek(each), await model.store.peek(each), one.op);
          assert.deepEqual(await level.store.lockOf(each), await model.store.lockOf(each), one.op);
        }
        assert.deepEqual(
          await level.store.list({ limit: 9 }),
          await model.store.list({ limit: 9 }),
          one.op,
        );
      }
    } finally {
      await fixture.close();
    }
  });
  await fc.assert(run, { numRuns: RUNS });
});
