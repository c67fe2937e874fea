/**
 * The contract of SpoolStore: what every engine must do, run against each of them. `make` gives an
 * empty started store; its `restart` ends the process's knowledge and opens the same store again.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Lease, SpoolStore } from '../../src/store/spool-store.ts';
import { bytesOf, collect, contentOf, entry, held, unjudged } from './sample-mail.ts';
import { StillClock } from './still-clock.ts';

export interface StoreUnderTest {
  store: SpoolStore;
  restart(): Promise<SpoolStore>;
  close(): Promise<void>;
}

const DEST = 'example.com';
const SMALL = contentOf(bytesOf(1000));
const HOLD = { by: 'admin', at: 5, reason: 'by_hand', text: 'look at it' } as const;

export function spoolContract(name: string, make: (clock: StillClock) => Promise<StoreUnderTest>) {
  const it = (
    what: string,
    run: (store: SpoolStore, clock: StillClock, under: StoreUnderTest) => Promise<void>,
  ) => {
    test(what, async (t: TestContext) => {
      const clock = new StillClock();
      const under = await make(clock);
      t.after(() => under.close());
      await run(under.store, clock, under);
    });
  };
  const claim = (store: SpoolStore, n = 10, early = false) =>
    store.claim({ dest: DEST, n, leaseMs: 1000, early });
  const one = async (store: SpoolStore): Promise<Lease> => {
    const [lease] = await claim(store, 1);
    assert.ok(lease, 'a message is due');
    return lease;
  };
  const byDest = (a: { dest: string }, b: { dest: string }) => (a.dest < b.dest ? -1 : 1);
  const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id);

  suite(`${name}: spool contract`, () => {
    it('a committed message is claimed whole, and kept over a restart', async (_, clock, under) => {
      const sent = entry('A.1', { attempts: 3, parameters: { smtpUtf8: true } });
      await under.store.commit(sent, clock.now(), SMALL);
      const store = await under.restart();
      const lease = await one(store);
      assert.deepEqual(lease.entry, sent);
      assert.equal(lease.dueAt, clock.now());
      assert.deepEqual(await collect(store.readContent('A.1')), bytesOf(1000));
    });

    for (const length of [0, 1, 65_535, 65_536, 65_537, 262_144, 262_145, 3_000_001]) {
      it(`content of ${length} bytes comes back byte for byte`, async (_, clock, under) => {
        const bytes = bytesOf(length);
        const ways = [{}, { streamed: true }, { chunk: 1000 }, { chunk: 50_001, streamed: true }];
        for (const [index, way] of ways.entries())
          await under.store.commit(entry(`A.${index}`), clock.now(), contentOf(bytes, way));
        const store = await under.restart();
        assert.equal(store.totals().bytes, length * ways.length);
        for (const index of ways.keys())
          assert.ok((await collect(store.readContent(`A.${index}`))).equals(bytes));
      });
    }

    it('content is read back with and without a lease', async (store, clock) => {
      await store.commit(entry('A.1'), clock.now(), SMALL);
      const before = await collect(store.readContent('A.1'));
      const lease = await one(store);
      const during = await collect(store.readContent('A.1'));
      assert.ok(before.equals(during));
      await store.complete([lease]);
      await assert.rejects(collect(store.readContent('A.1')), { code: 'STORE_DAMAGED' });
    });

    it('a second commit of an id changes nothing', async (store, clock) => {
      await store.commit(entry('A.1', { attempts: 1 }), clock.now(), SMALL);
      await store.commit(entry('A.1', { attempts: 2 }), clock.now() + 5, contentOf(bytesOf(7)));
      assert.equal((await store.get('A.1'))?.entry.attempts, 1);
      assert.deepEqual(store.totals(), { queued: 1, held: 0, bytes: 1000 });
    });

    it('two commits of one id at once store it once', async (store, clock) => {
      const big = contentOf(bytesOf(600_000, 1));
      await Promise.all([
        store.commit(entry('A.1', { attempts: 1 }), clock.now(), big),
        store.commit(entry('A.1', { attempts: 2 }), clock.now(), contentOf(bytesOf(600_000, 2))),
      ]);
      assert.deepEqual(store.totals(), { queued: 1, held: 0, bytes: 600_000 });
      assert.ok((await collect(store.readContent('A.1'))).equals(bytesOf(600_000, 1)));
    });

    it('content that cannot be read to its end is not stored at all', async (_, clock, under) => {
      const bytes = bytesOf(700_000);
      const broken = {
        sizeBytes: bytes.length,
        async *read() {
          yield* contentOf(bytes.subarray(0, 600_000)).read();
          await Promise.reject(new Error('the file is gone'));
        },
      };
      const short = { ...contentOf(bytes, { streamed: true }), sizeBytes: 700_001 };
      const long = { ...contentOf(bytes, { streamed: true }), sizeBytes: 699_999 };
      for (const content of [broken, short, long])
        await assert.rejects(under.store.commit(entry('A.1'), clock.now(), content));
      const store = await under.restart();
      assert.equal(await store.get('A.1'), undefined);
      assert.deepEqual(store.totals(), { queued: 0, held: 0, bytes: 0 });
      assert.deepEqual(await claim(store), []);
      await store.commit(entry('A.1'), clock.now(), SMALL);
      assert.ok((await collect(store.readContent('A.1'))).equals(bytesOf(1000)));
    });

    it('claims give what is due, oldest first, of one destination', async (store, clock) => {
      const now = clock.now();
      await store.commit(entry('B.1'), now - 10, SMALL);
      await store.commit(entry('A.1'), now - 5, SMALL);
      await store.commit(entry('C.2'), now, SMALL);
      await store.commit(entry('C.1'), now, SMALL);
      await store.commit(entry('D.1'), now + 1, SMALL);
      await store.commit(entry('E.1', { dest: 'example.net' }), now, SMALL);
      assert.deepEqual(ids(await claim(store, 3)), ['B.1', 'A.1', 'C.1']);
      assert.deepEqual(ids(await claim(store, 3)), ['C.2']);
      clock.move(1);
      assert.deepEqual(ids(await claim(store, 3)), ['D.1']);
    });

    for (const length of [1000, 300_000]) {
      it(`what was judged later (${length} bytes) reads otherwise from then on, and goes`, async (_, clock, under) => {
        const bytes = bytesOf(length);
        await under.store.commit(unjudged('A.1'), clock.now(), contentOf(bytes));
        await under.store.commit(held('B.1'), clock.now(), contentOf(bytes));
        assert.deepEqual(await claim(under.store, 10, true), []);
        const edit = { top: Buffer.from('X: y\r\n'), cuts: [{ start: 3, end: 70 }] };
        const sizeBytes = length + 6 - 67;
        const judged = { kind: 'judged', edit, sizeBytes, changes: { expiresAt: 77 } } as const;
        let store = await under.restart();
        const quarantined = { ...HOLD, quarantine: { isLate: true } };
        assert.equal(await store.administer('A.1', { ...judged, hold: quarantined }), true);
        assert.deepEqual(store.quarantined(), { messages: 1, bytes: length });
        await store.administer('B.1', judged);
        assert.equal((await store.get('B.1'))?.entry.hold?.reason, 'undeliverable');
        await store.administer('A.1', { kind: 'due', release: true });
        store = await under.restart();
        const lease = await one(store);
        assert.deepEqual(lease.entry, entry('A.1', { sizeBytes, expiresAt: 77 }));
        const expected = Buffer.concat([edit.top, bytes.subarray(0, 3), bytes.subarray(70)]);
        assert.ok((await collect(store.readContent('A.1'))).equals(expected));
        const content = { sizeBytes, read: () => store.readContent('A.1') };
        const dueAt = clock.now();
        const mail = [{ entry: entry('A.1-1', { dest: 'b.test' }), dueAt, content }];
        await store.reschedule([{ held: lease, entry: lease.entry, dueAt, mail }]);
        assert.ok((await collect(store.readContent('A.1-1'))).equals(expected), 'a copy is a copy');
        assert.ok((await collect(store.readContent('B.1'))).equals(bytes));
        assert.deepEqual(await store.complete(await claim(store)), [true]);
      });
    }

    it('an early claim also gives what is not due yet, in order', async (store, clock) => {
      await store.commit(entry('A.1'), clock.now() + 900, SMALL);
      await store.commit(entry('B.1'), clock.now() + 100, SMALL);
      await store.commit(held('C.1'), clock.now(), SMALL);
      assert.deepEqual(await claim(store), []);
      assert.deepEqual(ids(await claim(store, 10, true)), ['B.1', 'A.1']);
    });

    it('mail comes with a step on another message, or not at all', async (store, clock, under) => {
      const mailOf = (id: string, length = 1000) => [
        { entry: entry(id, { dest: 'b.test' }), dueAt: 1, content: contentOf(bytesOf(length)) },
      ];
      await store.commit(entry('A.1'), clock.now(), SMALL);
      await store.commit(held('B.1'), clock.now(), SMALL);
      const lease = await one(store);
      const stale = { ...lease, token: lease.token + 1n };
      assert.deepEqual(await store.complete([{ ...stale, mail: mailOf('N.1', 300_000) }]), [false]);
      assert.equal(await store.administer('A.1', { kind: 'remove' }, mailOf('N.2')), false);
      assert.equal(await store.administer('X.1', { kind: 'remove' }, mailOf('N.3')), false);
      assert.deepEqual(await store.complete([{ ...lease, mail: mailOf('C.1', 300_000) }]), [true]);
      assert.equal(await store.administer('B.1', { kind: 'remove' }, mailOf('D.1')), true);
      assert.deepEqual(store.totals(), { queued: 2, held: 0, bytes: 301_000 });
      const again = await under.restart();
      assert.deepEqual(ids(await again.scan({ limit: 9 }).then((all) => all.map((s) => s.entry))), [
        'C.1',
        'D.1',
      ]);
      const leases = await again.claim({ dest: 'b.test', n: 9, leaseMs: 1000 });
      assert.deepEqual(ids(leases), ['C.1', 'D.1']);
      assert.ok((await collect(again.readContent('C.1'))).equals(bytesOf(300_000)));
    });

    it('parts become messages in the step that takes their recipients away', async (_, clock, under) => {
      let current = under.store;
      for (const length of [1000, 300_000]) {
        const content = contentOf(bytesOf(length));
        const id = `P.${length}`;
        await current.commit(entry(id), clock.now(), content);
        const step = async (store: SpoolStore, from: Lease, stale = false) => {
          const parts = [
            entry(`${id}-1`, { dest: 'b.test' }),
            entry(`${id}-2`, { dest: 'c.test' }),
          ];
          const held = stale ? { ...from, token: from.token + 1n } : from;
          const next = { ...from.entry, attempts: 7 };
          const dueAt = clock.now() + 5;
          const mail = parts.map((part) => ({ entry: part, dueAt, content }));
          return store.reschedule([{ held, entry: next, dueAt, mail }]);
        };
        assert.deepEqual(await step(current, await one(current), true), [false]);
        assert.equal(await current.get(`${id}-1`), undefined, 'who lost the lease parts nothing');
        const store = await under.restart();
        assert.deepEqual(await step(store, await one(store)), [true]);
        const again = await under.restart();
        assert.equal((await again.get(id))?.entry.attempts, 7);
        for (const dest of ['b.test', 'c.test']) {
          assert.deepEqual(again.totals(dest), { ...again.totals(dest), queued: 1, bytes: length });
          assert.deepEqual(await again.claim({ dest, n: 9, leaseMs: 1000 }), [], 'not due yet');
          const [part] = await again.claim({ dest, n: 9, leaseMs: 1000, early: true });
          assert.ok(part !== undefined && part.dueAt === clock.now() + 5);
          assert.ok((await collect(again.readContent(part.id))).equals(bytesOf(length)));
          await again.complete([part]);
        }
        const [first] = await claim(again, 1, true);
        assert.ok(first !== undefined);
        assert.ok(
          (await collect(again.readContent(id))).equals(bytesOf(length)),
          'each has its own',
        );
        await again.complete([first]);
        assert.equal(again.totals().bytes, 0);
        current = again;
      }
    });

    it('a claim of new mail gives the newest first, then what waits in its order', async (store, clock) => {
      const now = clock.now();
      const fresh = (n: number) => store.claim({ dest: DEST, n, leaseMs: 1000, fresh: true });
      await store.commit(entry('T.1'), now + 5, SMALL);
      await store.commit(entry('O.1'), now - 90, SMALL);
      await store.commit(entry('O.2'), now - 80, SMALL);
      const [changed] = await claim(store, 1);
      assert.ok(changed !== undefined);
      await store.reschedule([{ held: changed, entry: changed.entry, dueAt: now - 70 }]);
      await store.commit(entry('N.1'), now - 60, SMALL);
      await store.commit(held('H.1'), now, SMALL);
      await store.commit(entry('N.2'), now - 65, SMALL);
      const first = await fresh(2);
      assert.deepEqual(ids(first), ['N.2', 'N.1']);
      await store.release(first.slice(1));
      await store.commit(entry('N.3'), now, SMALL);
      assert.deepEqual(
        ids(await fresh(9)),
        ['N.3', 'O.2', 'O.1', 'N.1'],
        'claimed once, new no more',
      );
      clock.move(5);
      assert.deepEqual(ids(await fresh(9)), ['T.1']);
    });

    it('over a restart new mail waits like all other', async (_, clock, under) => {
      await under.store.commit(entry('A.1'), clock.now() - 2, SMALL);
      await under.store.commit(entry('A.2'), clock.now() - 1, SMALL);
      const store = await under.restart();
      const leases = await store.claim({ dest: DEST, n: 9, leaseMs: 1000, fresh: true });
      assert.deepEqual(ids(leases), ['A.1', 'A.2']);
    });

    it('a message has one holder at a time', async (store, clock) => {
      for (const n of [1, 2, 3, 4, 5, 6]) await store.commit(entry(`A.${n}`), clock.now(), SMALL);
      const claims = await Promise.all([claim(store, 4), claim(store, 4), claim(store, 4)]);
      assert.deepEqual(claims.flatMap(ids).sort(), ['A.1', 'A.2', 'A.3', 'A.4', 'A.5', 'A.6']);
      const tokens = new Set(claims.flat().map(({ token }) => token));
      assert.equal(tokens.size, 6);
    });

    it('a lease that ran out goes to the next claim, and its token is stale', async (store, clock) => {
      await store.commit(entry('A.1'), clock.now(), SMALL);
      const first = await one(store);
      clock.move(999);
      assert.deepEqual(await claim(store), []);
      clock.move(1);
      const second = await one(store);
      assert.notEqual(second.token, first.token);
      assert.deepEqual(await store.complete([first]), [false]);
      assert.deepEqual(await store.renew([first], 1000), [false]);
      assert.deepEqual(await store.release([first]), [false]);
      const step = { held: first, entry: first.entry, dueAt: 1 };
      assert.deepEqual(await store.reschedule([step]), [false]);
      assert.deepEqual(await store.complete([second]), [true]);
      assert.deepEqual(await store.complete([second]), [false]);
    });

    it('a lease that ran out still counts while nobody else has it', async (store, clock) => {
      await store.commit(entry('A.1'), clock.now(), SMALL);
      const lease = await one(store);
      clock.move(5000);
      assert.equal((await store.get('A.1'))?.active, false);
      assert.deepEqual(await store.complete([lease]), [true]);
    });

    it('renewing keeps others away', async (store, clock) => {
      await store.commit(entry('A.1'), clock.now(), SMALL);
      const lease = await one(store);
      clock.move(900);
      assert.deepEqual(await store.renew([lease], 1000), [true]);
      clock.move(900);
      assert.deepEqual(await claim(store), []);
      clock.move(100);
      assert.equal((await claim(store)).length, 1);
    });

    it('tokens are never used again, not even after a restart', async (_, clock, under) => {
      const seen = new Set<bigint>();
      let store = under.store;
      await store.commit(entry('A.1'), clock.now(), SMALL);
      for (let round = 0; round < 3; round++) {
        for (let n = 0; n < 3; n++) {
          const lease = await one(store);
          assert.ok(!seen.has(lease.token));
          seen.add(lease.token);
          await store.release([lease]);
        }
        const stale = await one(store);
        seen.add(stale.token);
        store = await under.restart();
        assert.deepEqual(await store.complete([stale]), [false]);
      }
    });

    it('a message that is completed and committed anew refuses the old token', async (store, clock) => {
      await store.commit(entry('A.1'), clock.now(), SMALL);
      const old = await one(store);
      await store.complete([old]);
      await store.commit(entry('A.1'), clock.now(), SMALL);
      assert.deepEqual(await store.complete([old]), [false]);
      await one(store);
      assert.deepEqual(await store.complete([old]), [false]);
      assert.equal(store.totals().queued, 1);
    });

    it('released messages are due as before', async (store, clock) => {
      await store.commit(entry('A.1'), clock.now() - 7, SMALL);
      await store.commit(entry('B.1'), clock.now() - 3, SMALL);
      const [first] = await claim(store, 1);
      assert.ok(first);
      assert.deepEqual(await store.release([first]), [true]);
      assert.deepEqual(ids(await claim(store)), ['A.1', 'B.1']);
    });

    it('reschedule keeps what is left and the content', async (_, clock, under) => {
      await under.store.commit(entry('A.1'), clock.now(), SMALL);
      const lease = await one(under.store);
      const last = { at: 5, text: '450 later', code: 450, enhanced: '4.2.0', host: 'mx' };
      const address = { local: 'other', domain: 'example.com' };
      const after = entry('A.1', {
        attempts: 1,
        recipients: [{ address, parameters: { notify: ['FAILURE'] }, last }],
      });
      const step = { held: lease, entry: after, dueAt: clock.now() + 60_000 };
      assert.deepEqual(await under.store.reschedule([step]), [true]);
      assert.deepEqual(await claim(under.store), []);
      const store = await under.restart();
      clock.move(60_000);
      const again = await one(store);
      assert.deepEqual(again.entry, after);
      assert.equal(again.dueAt, clock.now());
      assert.deepEqual(await collect(store.readContent('A.1')), bytesOf(1000));
    });

    it('reschedule moves a message to another destination, or holds it', async (_, clock, under) => {
      for (const id of ['A.1', 'B.1']) await under.store.commit(entry(id), clock.now(), SMALL);
      const [a, b] = await claim(under.store, 2);
      assert.ok(a && b);
      await under.store.reschedule([
        { held: a, entry: entry('A.1', { dest: 'example.net' }), dueAt: clock.now() },
        { held: b, entry: held('B.1'), dueAt: clock.now() },
      ]);
      const store = await under.restart();
      assert.deepEqual(store.totals(), { queued: 1, held: 1, bytes: 2000 });
      assert.deepEqual(ids(await store.claim({ dest: 'example.net', n: 9, leaseMs: 1 })), ['A.1']);
      assert.deepEqual(await claim(store, 9, true), []);
      assert.equal((await store.get('B.1'))?.dueAt, undefined);
    });

    it('one call mixes good and stale tokens, and takes each step once', async (store, clock) => {
      for (const id of ['A.1', 'B.1']) await store.commit(entry(id), clock.now(), SMALL);
      const [a, b] = await claim(store, 2);
      assert.ok(a && b);
      const wrong = { id: 'A.1', token: b.token };
      const unknown = { id: 'Z.1', token: a.token };
      assert.deepEqual(await store.complete([wrong, a, unknown, a]), [false, true, false, false]);
      assert.deepEqual(store.totals(), { queued: 1, held: 0, bytes: 1000 });
    });

    it('two steps with one token at once: one is taken', async (store, clock) => {
      await store.commit(entry('A.1'), clock.now(), SMALL);
      const lease = await one(store);
      const step = { held: lease, entry: entry('A.1', { attempts: 1 }), dueAt: clock.now() + 5 };
      const results = await Promise.all([store.reschedule([step]), store.complete([lease])]);
      assert.deepEqual(results, [[true], [false]]);
      assert.equal(store.totals().queued, 1);
    });

    it('a completed message is gone for good, its content too', async (_, clock, under) => {
      await under.store.commit(entry('A.1'), clock.now(), contentOf(bytesOf(400_000)));
      await under.store.complete([await one(under.store)]);
      assert.deepEqual(under.store.totals(), { queued: 0, held: 0, bytes: 0 });
      assert.deepEqual(under.store.backlog(), []);
      const store = await under.restart();
      assert.equal(await store.get('A.1'), undefined);
      assert.deepEqual(store.backlog(), []);
      // A shorter message of the same id must not find remains.
      await store.commit(entry('A.1'), clock.now(), contentOf(bytesOf(10)));
      assert.deepEqual(await collect(store.readContent('A.1')), bytesOf(10));
    });

    it('the backlog tells each destination with its count and next time', async (_, clock, under) => {
      const now = clock.now();
      await under.store.commit(entry('A.1'), now + 50, SMALL);
      await under.store.commit(entry('B.1'), now + 20, SMALL);
      await under.store.commit(held('C.1', { dest: 'held.example' }), now, SMALL);
      await under.store.commit(entry('D.1', { dest: 'ex!am%ple' }), now + 9, SMALL);
      const expected = [
        { dest: 'ex!am%ple', messages: 1, nextDueAt: now + 9 },
        { dest: DEST, messages: 2, nextDueAt: now + 20 },
      ];
      const sorted = (store: SpoolStore) =>
        store.backlog().sort((a, b) => a.nextDueAt - b.nextDueAt);
      assert.deepEqual(sorted(under.store), expected);
      const store = await under.restart();
      assert.deepEqual(sorted(store), expected);
      assert.deepEqual(
        ids(await store.claim({ dest: 'ex!am%ple', n: 1, leaseMs: 1, early: true })),
        ['D.1'],
      );
    });

    it('the backlog of leased messages is due when their lease ends', async (store, clock) => {
      await store.commit(entry('A.1'), clock.now(), SMALL);
      await one(store);
      const due = clock.now() + 1000;
      assert.deepEqual(store.backlog(), [{ dest: DEST, messages: 1, nextDueAt: due }]);
      clock.move(1000);
      assert.equal((await claim(store)).length, 1);
    });

    it('scan gives all in id order, in pages', async (_, clock, under) => {
      const all = ['A.1', 'A.10', 'A.2', 'B.1', 'C.1'];
      for (const id of ['C.1', 'A.2', 'A.10', 'B.1', 'A.1'])
        await under.store.commit(id === 'B.1' ? held(id) : entry(id), clock.now(), SMALL);
      const store = await under.restart();
      const seen: string[] = [];
      for (let after = ''; ;) {
        const page = await store.scan({ after, limit: 2 });
        if (page.length === 0) break;
        assert.ok(page.length <= 2);
        seen.push(...page.map((summary) => summary.entry.id));
        after = seen.at(-1) ?? '';
      }
      assert.deepEqual(seen, all);
      assert.deepEqual(await store.scan({ limit: 0 }), []);
      const [b] = await store.scan({ after: 'A.2', limit: 1 });
      assert.deepEqual(b, { entry: held('B.1'), dueAt: undefined, active: false });
    });

    it('an operator makes a message due, and releases a held one', async (store, clock) => {
      await store.commit(entry('A.1'), clock.now() + 9000, SMALL);
      await store.commit(held('B.1'), clock.now(), SMALL);
      assert.equal(await store.administer('A.1', { kind: 'due', release: false }), true);
      assert.equal(await store.administer('B.1', { kind: 'due', release: false }), true);
      assert.deepEqual(ids(await claim(store)), ['A.1']);
      const release = { kind: 'due', release: true, expiresAt: 77 } as const;
      assert.equal(await store.administer('B.1', release), true);
      const [lease] = await claim(store);
      assert.deepEqual(lease?.entry, entry('B.1', { expiresAt: 77 }));
      assert.deepEqual(store.totals(), { queued: 2, held: 0, bytes: 2000 });
    });

    it('an operator holds and removes', async (_, clock, under) => {
      for (const id of ['A.1', 'B.1']) await under.store.commit(entry(id), clock.now(), SMALL);
      assert.equal(await under.store.administer('A.1', { kind: 'hold', hold: HOLD }), true);
      assert.equal(await under.store.administer('B.1', { kind: 'remove' }), true);
      assert.equal(await under.store.administer('B.1', { kind: 'remove' }), false);
      const store = await under.restart();
      assert.deepEqual(store.totals(), { queued: 0, held: 1, bytes: 1000 });
      assert.deepEqual((await store.get('A.1'))?.entry.hold, HOLD);
      assert.deepEqual(await claim(store, 9, true), []);
      assert.equal(await store.administer('A.1', { kind: 'remove' }), true);
      assert.deepEqual(store.totals(), { queued: 0, held: 0, bytes: 0 });
    });

    it('what is in quarantine counts for itself, and waits for no time', async (_, clock, under) => {
      const kept = entry('A.1', { hold: { ...HOLD, quarantine: { score: 8 } } });
      await under.store.commit(kept, clock.now(), SMALL);
      await under.store.commit(held('B.1'), clock.now(), SMALL);
      await under.store.commit(entry('C.1'), clock.now(), SMALL);
      const store = await under.restart();
      assert.deepEqual(store.quarantined(), { messages: 1, bytes: 1000 });
      assert.deepEqual(store.quarantined(DEST), { messages: 1, bytes: 1000 });
      assert.deepEqual(store.quarantined('example.net'), { messages: 0, bytes: 0 });
      assert.deepEqual(store.totals(), { queued: 1, held: 1, bytes: 2000 });
      const [first] = await store.scan({ limit: 1, only: 'held' });
      const [second, third] = await store.scan({ after: 'A.1', limit: 9, only: 'held' });
      assert.deepEqual([first?.entry, second?.entry.id, third], [kept, 'B.1', undefined]);
      const waiting = await store.scan({ limit: 9, only: 'waiting' });
      assert.deepEqual(
        waiting.map(({ entry: one }) => one.id),
        ['C.1'],
      );
      assert.deepEqual(ids(await claim(store, 9, true)), ['C.1']);
      assert.equal(await store.administer('A.1', { kind: 'due', release: true }), true);
      assert.deepEqual(store.quarantined(), { messages: 0, bytes: 0 });
      assert.deepEqual(store.totals().queued, 2);
    });

    it('who got a message of his own leaves it, and the last one ends it', async (store, clock) => {
      const [anna, bob] = ['anna', 'bob'].map((local) => ({ local, domain: DEST }));
      assert.ok(anna && bob);
      const recipients = [anna, bob].map((address) => ({ address, parameters: {} }));
      const hold = { ...HOLD, quarantine: {} };
      await store.commit(entry('A.1', { recipients, hold }), clock.now(), SMALL);
      assert.equal(await store.administer('A.1', { kind: 'part', recipients: [anna] }), true);
      const left = (await store.get('A.1'))?.entry;
      assert.deepEqual(left?.recipients, recipients.slice(1));
      assert.deepEqual(left?.hold?.quarantine, { released: [`anna@${DEST}`] });
      assert.equal(await store.administer('A.1', { kind: 'part', recipients: [bob] }), true);
      assert.equal(await store.get('A.1'), undefined);
      assert.deepEqual(store.quarantined(), { messages: 0, bytes: 0 });
    });

    it('an operator cannot touch what somebody works on, but what he left', async (store, clock) => {
      await store.commit(entry('A.1'), clock.now(), SMALL);
      const lease = await one(store);
      assert.equal((await store.get('A.1'))?.active, true);
      assert.equal(await store.administer('A.1', { kind: 'remove' }), false);
      clock.move(1000);
      assert.equal(await store.administer('A.1', { kind: 'hold', hold: HOLD }), true);
      assert.deepEqual(await store.complete([lease]), [false]);
      assert.equal(store.totals().held, 1);
      assert.equal(await store.administer('no such', { kind: 'remove' }), false);
      assert.equal(await store.get('no such'), undefined);
    });

    it('a step on a message as it was seen changes nothing of another one', async (store, clock) => {
      const recipients = ['anna', 'bob'].map((local) => ({
        address: { local, domain: DEST },
        parameters: {},
      }));
      await store.commit(entry('A.1', { recipients }), clock.now(), SMALL);
      const seen = (await store.get('A.1'))?.entry;
      assert.ok(seen !== undefined);
      const held = await one(store);
      const left = entry('A.1', { recipients: recipients.slice(1) });
      await store.reschedule([{ held, entry: left, dueAt: clock.now() }]);
      const report = { entry: entry('R.1'), dueAt: clock.now(), content: SMALL };
      assert.equal(await store.administer('A.1', { kind: 'remove', seen }, [report]), false);
      assert.equal(await store.administer('A.1', { kind: 'hold', hold: HOLD, seen }), false);
      assert.equal(await store.get('R.1'), undefined);
      const [found] = await store.scan({ limit: 9 });
      assert.deepEqual(found?.entry, left);
      const again = { kind: 'remove', seen: found.entry } as const;
      assert.equal(await store.administer('A.1', again, [report]), true);
      assert.deepEqual(store.totals(), { queued: 1, held: 0, bytes: 1000 });
    });

    it('a held destination keeps its mail until the hold is over', async (_, clock, under) => {
      const now = clock.now();
      const who = { at: now, by: 'admin', text: 'maintenance' };
      const hold = { dest: DEST, until: now + 500, ...who };
      const other = { dest: 'ex!am%ple', ...who };
      await under.store.commit(entry('A.1'), now, SMALL);
      await under.store.commit(entry('B.1', { dest: other.dest }), now, SMALL);
      const leased = await one(under.store);
      await under.store.holdDest(hold);
      await under.store.holdDest(other);
      assert.deepEqual(await under.store.renew([leased], 1000), [true], 'what is leased goes on');
      const back = { held: leased, entry: entry('A.1', { attempts: 1 }), dueAt: now };
      assert.deepEqual(await under.store.reschedule([back]), [true]);
      assert.deepEqual(await claim(under.store, 9, true), []);
      let store = await under.restart();
      assert.deepEqual(store.heldDests().toSorted(byDest), [other, hold]);
      assert.deepEqual(await claim(store, 9, true), []);
      assert.deepEqual(store.backlog().toSorted(byDest), [
        { dest: other.dest, messages: 1, nextDueAt: Infinity },
        { dest: DEST, messages: 1, nextDueAt: now + 500 },
      ]);
      clock.move(500);
      assert.deepEqual(store.heldDests(), [other]);
      const again = await one(store);
      await store.holdDest({ ...hold, until: clock.now() + 500 });
      assert.deepEqual(await store.release([again]), [true]);
      assert.deepEqual(await claim(store), [], 'a new hold counts, and a release is no claim');
      store = await under.restart();
      assert.equal(await store.resumeDest(DEST), true);
      assert.equal(await store.resumeDest(DEST), false);
      assert.deepEqual(ids(await claim(store)), ['A.1']);
      store = await under.restart();
      assert.deepEqual(store.heldDests(), [other]);
      assert.equal(await store.resumeDest(other.dest), true);
      assert.deepEqual(ids(await store.claim({ dest: other.dest, n: 9, leaseMs: 1 })), ['B.1']);
    });

    it('an operator sends a message to another destination', async (_, clock, under) => {
      await under.store.commit(entry('A.1'), clock.now() + 9000, SMALL);
      await under.store.commit(held('B.1'), clock.now(), SMALL);
      const move = { kind: 'due', release: false, dest: 'example.net' } as const;
      for (const id of ['A.1', 'B.1']) assert.equal(await under.store.administer(id, move), true);
      const store = await under.restart();
      assert.deepEqual(await claim(store, 9, true), []);
      assert.deepEqual(ids(await store.claim({ dest: 'example.net', n: 9, leaseMs: 1 })), ['A.1']);
      assert.deepEqual((await store.get('B.1'))?.entry, held('B.1', { dest: 'example.net' }));
    });

    it('leases end with a clean stop', async (_, clock, under) => {
      await under.store.commit(entry('A.1'), clock.now(), SMALL);
      const lease = await one(under.store);
      const store = await under.restart();
      assert.deepEqual(ids(await claim(store)), ['A.1']);
      assert.deepEqual(await store.complete([lease]), [false]);
    });

    it('a claim beside an operator step neither loses nor doubles a message', async (store, clock) => {
      for (const n of [1, 2, 3, 4]) await store.commit(entry(`A.${n}`), clock.now(), SMALL);
      const [due, hold, leases] = await Promise.all([
        store.administer('A.1', { kind: 'due', release: false }),
        store.administer('A.2', { kind: 'hold', hold: HOLD }),
        claim(store),
      ]);
      const claimed = [...leases, ...(await claim(store))];
      assert.equal(new Set(ids(claimed)).size, claimed.length);
      assert.equal(claimed.length, hold ? 3 : 4);
      assert.equal(due || ids(leases).includes('A.1'), true);
      assert.deepEqual((await store.complete(claimed)).includes(false), false);
      assert.deepEqual(store.totals().queued, 0);
    });
  });
}
