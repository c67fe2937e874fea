/** The contract of TtlMap, run against each engine. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TtlMap } from '../../src/store/ttl-map.ts';
import { StillClock } from './still-clock.ts';

export interface MapUnderTest {
  readonly map: TtlMap;
  /** Where entries outlive the process. */
  reopen?(): Promise<TtlMap>;
  close(): Promise<void>;
}

export function ttlContract(name: string, make: (clock: StillClock) => Promise<MapUnderTest>) {
  const it = (
    what: string,
    run: (map: TtlMap, clock: StillClock, under: MapUnderTest) => Promise<void>,
  ) => {
    test(what, async (t) => {
      const clock = new StillClock();
      const under = await make(clock);
      t.after(() => under.close());
      await run(under.map, clock, under);
    });
  };
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text));
  const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString();
  const keysOf = (list: readonly { key: string }[]) => list.map(({ key }) => key);

  suite(`${name}: ttl map contract`, () => {
    it('a value is there until it expires', async (map, clock) => {
      await map.put('rcpt', 'user@example.com', bytes('yes'), 1000);
      const entry = await map.get('rcpt', 'user@example.com');
      assert.equal(text(entry?.value), 'yes');
      assert.equal(entry?.expiresAt, clock.now() + 1000);
      clock.move(999);
      assert.ok(await map.get('rcpt', 'user@example.com'));
      clock.move(1);
      assert.equal(await map.get('rcpt', 'user@example.com'), undefined);
    });

    it('values outlive a restart where the engine keeps them', async (map, _, under) => {
      await map.put('rcpt', 'a', bytes(''), 1000);
      const later = (await under.reopen?.()) ?? map;
      assert.equal(text((await later.get('rcpt', 'a'))?.value), '');
    });

    it('put replaces, delete says whether something was there', async (map, clock) => {
      await map.put('rcpt', 'a', bytes('1'), 10);
      await map.put('rcpt', 'a', bytes('2'), 1000);
      clock.move(10);
      assert.equal(text((await map.get('rcpt', 'a'))?.value), '2');
      assert.equal(await map.delete('rcpt', 'a'), true);
      assert.equal(await map.delete('rcpt', 'a'), false);
      assert.equal(await map.get('rcpt', 'a'), undefined);
      await map.put('rcpt', 'b', bytes('1'), 10);
      clock.move(10);
      assert.equal(await map.delete('rcpt', 'b'), false);
    });

    it('putIfAbsent has one winner, and an expired value is absent', async (map, clock) => {
      const values = ['1', '2', '3', '4'];
      const entries = await Promise.all(
        values.map((value) => map.putIfAbsent('rcpt', 'a', bytes(value), 10)),
      );
      assert.deepEqual(new Set(entries.map(({ value }) => text(value))), new Set(['1']));
      clock.move(10);
      assert.equal(text((await map.putIfAbsent('rcpt', 'a', bytes('5'), 10)).value), '5');
    });

    it('steps on one key are taken in the order they were asked', async (map) => {
      const steps: Promise<unknown>[] = [];
      for (let n = 0; n < 20; n++) {
        steps.push(map.put('rcpt', 'a', bytes(String(n)), 10));
        if (n % 3 === 0) steps.push(map.delete('rcpt', 'a'));
      }
      await Promise.all(steps);
      assert.equal(text((await map.get('rcpt', 'a'))?.value), '19');
    });

    it('namespaces are apart', async (map) => {
      await map.put('rcpt', 'a', bytes('1'), 10);
      await map.put('rcpt-b', 'a', bytes('2'), 10);
      assert.equal(text((await map.get('rcpt', 'a'))?.value), '1');
      assert.deepEqual(keysOf(await map.list('rcpt', { limit: 9 })), ['a']);
      assert.equal(await map.delete('other', 'a'), false);
      await assert.rejects(async () => map.put('a!b', 'a', bytes(''), 1), TypeError);
    });

    it('list gives live keys in order, by prefix, in pages', async (map, clock) => {
      const keys = ['a!x', 'a"y', 'b', 'b@c', 'é', '\u{ffee}', '\u{1f600}'];
      for (const key of keys.toReversed()) await map.put('rcpt', key, bytes(key), 1000);
      await map.put('rcpt', 'dead', bytes(''), 1);
      clock.move(1);
      assert.deepEqual(keysOf(await map.list('rcpt', { limit: 99 })), keys);
      assert.deepEqual(keysOf(await map.list('rcpt', { prefix: 'b', limit: 99 })), ['b', 'b@c']);
      assert.deepEqual(keysOf(await map.list('rcpt', { after: 'b', limit: 2 })), ['b@c', 'é']);
      const rest = await map.list('rcpt', { prefix: 'b', after: 'b', limit: 9 });
      assert.deepEqual(keysOf(rest), ['b@c']);
      assert.deepEqual(keysOf(await map.list('rcpt', { prefix: 'b', after: 'a', limit: 9 })), [
        'b',
        'b@c',
      ]);
      assert.deepEqual(await map.list('rcpt', { limit: 0 }), []);
    });

    it('sweep drops expired entries of all namespaces, at most so many', async (map, clock) => {
      for (let n = 0; n < 5; n++) await map.put(n < 3 ? 'one' : 'two', `k${n}`, bytes('x'), 10);
      await map.put('two', 'live', bytes('x'), 1000);
      clock.move(10);
      assert.equal(await map.sweep(2), 2);
      assert.equal(await map.sweep(99), 3);
      assert.equal(await map.sweep(99), 0);
      assert.deepEqual(keysOf(await map.list('two', { limit: 9 })), ['live']);
    });
  });
}
