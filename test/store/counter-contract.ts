/**
 * The contract of CounterStore, run against each engine. `make` gives an empty store; `restart` ends
 * the process's knowledge and opens the same one again.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FORGET_LOCKS_MS } from '../../src/store/counter-store.ts';
import type {
  CounterStore,
  Demand,
  KeyBounds,
  StrikePolicy,
} from '../../src/store/counter-store.ts';
import type { TtlMap } from '../../src/store/ttl-map.ts';
import { StillClock } from './still-clock.ts';

export interface CountersUnderTest {
  counters: CounterStore;
  /** Where its marks are. */
  ttl(): Pick<TtlMap, 'list'>;
  restart(): Promise<CounterStore>;
  close(): Promise<void>;
}

/** A Wednesday, 10:20:30 in UTC and 11:20:30 in Berlin. */
const NOON = Date.parse('2026-11-25T10:20:30Z');
const MINUTE = 60_000;
const DAY = 86_400_000;
const demand = (limits: Demand['limits'], key = 'acct:1'): Demand => ({
  key,
  timeZone: 'Europe/Berlin',
  limits,
});
const POLICY: StrikePolicy = {
  max: 2,
  windowMs: 10 * MINUTE,
  lockMs: 30 * MINUTE,
  maxAutoUnlocks: 1,
  by: 'gateway',
  text: 'spam',
};

export function counterContract(
  name: string,
  make: (clock: StillClock, bounds?: KeyBounds) => Promise<CountersUnderTest>,
) {
  const it = (
    what: string,
    run: (store: CounterStore, clock: StillClock, under: CountersUnderTest) => Promise<void>,
    bounds?: KeyBounds,
  ) => {
    test(what, async (t) => {
      const clock = new StillClock(NOON);
      const under = await make(clock, bounds);
      t.after(() => under.close());
      await run(under.counters, clock, under);
    });
  };

  suite(`${name}: counter contract`, () => {
    it('takes up to the limit and then says which window is full', async (store) => {
      for (let n = 0; n < 3; n++)
        assert.equal((await store.take([demand({ minute: 3, day: 9 })], 1)).kind, 'granted');
      assert.deepEqual(await store.take([demand({ minute: 3, day: 9 })], 1), {
        kind: 'refused',
        key: 'acct:1',
        window: 'minute',
        limit: 3,
        count: 3,
        endsAt: NOON + 30_000,
      });
    });

    it('takes in all windows of all keys or in none', async (store, clock) => {
      const both = [demand({ hour: 10, day: 10 }), demand({ hour: 2 }, 'dom:a')];
      assert.equal((await store.take(both, 2)).kind, 'granted');
      const refused = await store.take(both, 1);
      assert.ok(refused.kind === 'refused' && refused.key === 'dom:a');
      const endsAt = NOON + 39 * MINUTE + 30_000;
      assert.deepEqual(await store.peek('dom:a'), { hour: { count: 2, endsAt } });
      assert.deepEqual(await store.peek('acct:1'), {
        hour: { count: 2, endsAt },
        day: { count: 2, endsAt: Date.parse('2026-11-25T23:00Z') },
      });
      clock.move(40 * MINUTE);
      assert.equal((await store.take(both, 1)).kind, 'granted');
    });

    it(
      'keys that others choose leave room for those that the configuration names',
      async (store, clock) => {
        const open = (key: string) => store.take([{ ...demand({ day: 9 }, key), isOpen: true }], 1);
        const isFull = { code: 'LIMIT' };
        for (const key of ['o:1', 'o:2', 'o:3']) assert.equal((await open(key)).kind, 'granted');
        await assert.rejects(open('o:4'), isFull);
        await assert.rejects(store.strike('o:5', { ...POLICY, isOpen: true }), isFull);
        assert.equal((await open('o:1')).kind, 'granted', 'it is known');
        assert.equal((await store.take([demand({ day: 9 }, 'dom:a')], 1)).kind, 'granted');
        assert.equal((await store.strike('acct:1', POLICY)).kind, 'counted');
        await assert.rejects(store.take([demand({ day: 9 }, 'dom:b')], 1), isFull);
        clock.move(DAY);
        await store.sweep(100);
        assert.equal((await open('o:4')).kind, 'granted');
      },
      { all: 5, open: 3 },
    );

    it('one key in two demands counts twice', async (store) => {
      const twice = [demand({ day: 3 }), demand({ day: 3 })];
      assert.equal((await store.take(twice, 2)).kind, 'refused');
      assert.equal((await store.take(twice, 1)).kind, 'granted');
      assert.equal((await store.peek('acct:1')).day?.count, 2);
    });

    it('a limit of nothing refuses, and no limit counts', async (store) => {
      assert.equal((await store.take([demand({ day: 0 })], 1)).kind, 'refused');
      assert.equal((await store.take([demand({ day: Infinity })], 5)).kind, 'granted');
      assert.equal((await store.take([demand({})], 5)).kind, 'granted');
      assert.equal((await store.peek('acct:1')).day?.count, 5);
    });

    it('a day begins anew at local midnight, also when it has 25 hours', async (store, clock) => {
      clock.move(Date.parse('2026-10-24T22:00Z') + 365 * DAY - NOON); // 2027-10-24T22:00Z
      clock.move(Date.parse('2027-10-30T22:00Z') - clock.now()); // midnight before the long day
      const day = [demand({ day: 1 })];
      assert.equal((await store.take(day, 1)).kind, 'granted');
      clock.move(25 * 60 * MINUTE - 1);
      assert.equal((await store.take(day, 1)).kind, 'refused');
      clock.move(1);
      assert.equal((await store.take(day, 1)).kind, 'granted');
    });

    it('a clock that is set back begins no window anew', async (store, clock) => {
      const hour = [demand({ hour: 1 })];
      assert.equal((await store.take(hour, 1)).kind, 'granted');
      clock.move(-30 * MINUTE);
      assert.equal((await store.take(hour, 1)).kind, 'refused');
      clock.move(-5 * DAY); // the clock was wrong before, not now
      assert.equal((await store.take(hour, 1)).kind, 'granted');
    });

    it('200 takers at once get exactly the limit', async (store) => {
      const taker = async () => {
        let granted = 0;
        for (let n = 0; n < 10; n++)
          if ((await store.take([demand({ hour: 1000, month: 1500 })], 1)).kind === 'granted')
            granted++;
        return granted;
      };
      const granted = await Promise.all(Array.from({ length: 200 }, taker));
      assert.equal(
        granted.reduce((sum, one) => sum + one),
        1000,
      );
      assert.equal((await store.peek('acct:1')).month?.count, 1000);
    });

    it('counts survive a restart', async (_, clock, under) => {
      await under.counters.take([demand({ minute: 9, hour: 9, day: 9, week: 9, month: 9 })], 4);
      const before = await under.counters.peek('acct:1');
      assert.equal(Object.keys(before).length, 5);
      clock.move(1000);
      const store = await under.restart();
      assert.deepEqual(await store.peek('acct:1'), before);
      assert.equal((await store.take([demand({ week: 8 })], 5)).kind, 'refused');
    });

    it('gives back what was taken, once, where its window is on', async (store, clock) => {
      const granted = await store.take([demand({ minute: 9, day: 9 })], 3);
      assert.ok(granted.kind === 'granted');
      await store.take([demand({ minute: 9, day: 9 })], 5);
      await store.giveBack(granted, 1);
      assert.equal((await store.peek('acct:1')).minute?.count, 7);
      clock.move(MINUTE);
      await store.take([demand({ minute: 9 })], 1);
      await store.giveBack(granted);
      await store.giveBack(granted);
      const { minute, day } = await store.peek('acct:1');
      assert.deepEqual([minute?.count, day?.count], [1, 5]);
    });

    it('more strikes than allowed lock, in the same step', async (store, clock) => {
      assert.deepEqual(await store.strike('id:a', POLICY), { kind: 'counted', strikes: 1 });
      clock.move(6 * MINUTE);
      assert.deepEqual(await store.strike('id:a', POLICY), { kind: 'counted', strikes: 2 });
      clock.move(6 * MINUTE);
      assert.deepEqual(await store.strike('id:a', POLICY), { kind: 'counted', strikes: 2 });
      assert.equal(await store.lockOf('id:a'), undefined);
      const at = clock.now();
      const lock = { at, until: at + POLICY.lockMs, by: 'gateway', text: 'spam' };
      assert.deepEqual(await store.strike('id:a', POLICY), { kind: 'locked', lock });
      assert.deepEqual(await store.strike('id:a', POLICY), { kind: 'already-locked', lock });
      assert.deepEqual(await store.lockOf('id:a'), lock);
      clock.move(POLICY.lockMs);
      assert.equal(await store.lockOf('id:a'), undefined);
      assert.deepEqual(await store.strike('id:a', POLICY), { kind: 'counted', strikes: 1 });
    });

    it('of many strikes at once one sets the lock', async (store) => {
      const all = await Promise.all(Array.from({ length: 50 }, () => store.strike('id:a', POLICY)));
      const kinds = (kind: string) => all.filter((one) => one.kind === kind).length;
      assert.deepEqual(
        [kinds('counted'), kinds('locked'), kinds('already-locked')],
        [POLICY.max, 1, 50 - POLICY.max - 1],
      );
    });

    it('a strike may lock another key, and is forgotten with those before it', async (store) => {
      const policy = { ...POLICY, max: 1, maxAutoUnlocks: 0, locks: 'acct:1' };
      await store.lock('acct:1', { at: 1, until: NOON + 1, by: 'root', text: '' });
      assert.deepEqual(await store.strike('id:a', policy), { kind: 'counted', strikes: 1 });
      assert.equal((await store.lockOf('acct:1'))?.by, 'root');
      const lock = { at: NOON, by: 'gateway', text: 'spam' };
      assert.deepEqual(await store.strike('id:a', policy), { kind: 'locked', lock });
      assert.deepEqual(await store.lockOf('acct:1'), lock);
      assert.equal(await store.lockOf('id:a'), undefined);
      assert.deepEqual(await store.strike('id:a', policy), { kind: 'counted', strikes: 1 });
    });

    it('marks what is counted, whatever came of it, and nothing that is not', async (_, __, under) => {
      const marks = (key: string) => [
        { namespace: 'seen', key, value: Buffer.from('x'), ttlMs: DAY },
      ];
      const one = [demand({ day: 1 })];
      assert.equal((await under.counters.take(one, 1, marks('a'))).kind, 'granted');
      assert.equal((await under.counters.take(one, 1, marks('b'))).kind, 'refused');
      const once = { ...POLICY, max: 0 };
      assert.equal((await under.counters.strike('id:a', once, marks('c'))).kind, 'locked');
      assert.equal((await under.counters.strike('id:a', once, marks('d'))).kind, 'already-locked');
      await under.restart();
      const kept = await under.ttl().list('seen', { limit: 9 });
      assert.deepEqual(
        kept.map(({ key, entry }) => [key, Buffer.from(entry.value).toString(), entry.expiresAt]),
        ['a', 'c', 'd'].map((key) => [key, 'x', NOON + DAY]),
      );
    });

    it('the lock after the last automatic unlock waits for a person', async (_, clock, under) => {
      const lockIt = async (store: CounterStore) => {
        for (;;) {
          const strike = await store.strike('id:a', POLICY);
          if (strike.kind === 'locked') return strike.lock;
        }
      };
      assert.ok((await lockIt(under.counters)).until);
      clock.move(POLICY.lockMs);
      let store = await under.restart();
      assert.equal((await lockIt(store)).until, undefined);
      clock.move(400 * DAY);
      store = await under.restart();
      assert.ok(await store.lockOf('id:a'));
      assert.equal(await store.unlock('id:a'), true);
      assert.equal(await store.unlock('id:a'), false);
      assert.ok((await lockIt(store)).until, 'all is forgotten');
      clock.move(POLICY.lockMs + FORGET_LOCKS_MS);
      assert.ok((await lockIt(store)).until, 'what is long over does not count');
    });

    it('a person locks and resets', async (_, clock, under) => {
      const lock = { at: clock.now(), by: 'admin', text: 'asked' };
      await under.counters.lock('id:a', lock);
      await under.counters.take([demand({ day: 5 }, 'id:a')], 5);
      const store = await under.restart();
      assert.deepEqual(await store.lockOf('id:a'), lock);
      await store.reset('id:a');
      assert.equal((await store.take([demand({ day: 5 }, 'id:a')], 5)).kind, 'granted');
      assert.deepEqual(await store.lockOf('id:a'), lock, 'a reset is no unlock');
      const timed = { ...lock, until: clock.now() + 10 };
      await store.lock('id:a', timed);
      assert.deepEqual(await store.lockOf('id:a'), timed);
      clock.move(10);
      assert.equal(await store.lockOf('id:a'), undefined);
    });

    it('lists what is on, in pages', async (store, clock) => {
      for (const key of ['id:c', 'id:a', 'acct:1', 'id:b'])
        await store.take([demand({ minute: 5 }, key)], 1);
      await store.lock('id:b', { at: 1, by: 'admin', text: '' });
      const keys = (list: readonly { key: string }[]) => list.map(({ key }) => key);
      assert.deepEqual(keys(await store.list({ limit: 9 })), ['acct:1', 'id:a', 'id:b', 'id:c']);
      assert.deepEqual(keys(await store.list({ prefix: 'id:', limit: 2 })), ['id:a', 'id:b']);
      assert.deepEqual(keys(await store.list({ prefix: 'id:', after: 'id:b', limit: 2 })), [
        'id:c',
      ]);
      clock.move(MINUTE);
      assert.deepEqual(await store.list({ limit: 9 }), [
        { key: 'id:b', counts: {}, lock: { at: 1, by: 'admin', text: '' } },
      ]);
    });

    it('lists how many locks by strikes still count', async (store, clock) => {
      const policy = { ...POLICY, maxAutoUnlocks: 3 };
      for (let lock = 1; lock <= 2; lock++) {
        for (let n = 0; n <= policy.max; n++) await store.strike('id:a', policy);
        const [view] = await store.list({ limit: 9 });
        assert.deepEqual([view?.lock?.by, view?.autoLocks], [policy.by, lock]);
        clock.move(policy.lockMs);
        assert.deepEqual(await store.list({ limit: 9 }), [], 'nothing is on');
      }
      await store.take([demand({ minute: 5 }, 'id:a')], 1);
      assert.equal((await store.list({ limit: 9 }))[0]?.autoLocks, 2);
      clock.move(FORGET_LOCKS_MS);
      await store.take([demand({ minute: 5 }, 'id:a')], 1);
      assert.equal((await store.list({ limit: 9 }))[0]?.autoLocks, undefined);
    });

    it('sweeps what is over and nothing else', async (_, clock, under) => {
      await under.counters.take([demand({ minute: 5 }, 'over')], 1);
      await under.counters.take([demand({ day: 5 }, 'counted')], 1);
      await under.counters.lock('locked', { at: 1, by: 'admin', text: '' });
      await under.counters.strike('struck', POLICY);
      assert.equal(await under.counters.sweep(99), 0);
      clock.move(MINUTE);
      assert.equal(await under.counters.sweep(99), 1);
      clock.move(10 * MINUTE);
      const store = await under.restart();
      assert.equal(await store.sweep(99), 1);
      assert.equal((await store.peek('counted')).day?.count, 1);
      assert.ok(await store.lockOf('locked'));
    });
  });
}
