/**
 * LevelDB against the model: the same random steps on both, in the same order, must give the same
 * results. Run again with the seed and path that a failure prints.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { MemoryDisk, MemorySpool } from '../../src/store/memory/spool.ts';
import type { Lease, SpoolStore } from '../../src/store/spool-store.ts';
import { levelFixture } from './level-fixture.ts';
import { bytesOf, collect, contentOf, entry, held, unjudged } from './sample-mail.ts';
import { StillClock } from './still-clock.ts';

const dest = fc.constantFrom('a.example', 'b.example');
const id = fc.integer({ min: 0, max: 7 }).map((n) => `ID.${n}`);
const leaseIndex = fc.nat(20);
const HOLD = { by: 'admin', at: 5, reason: 'by_hand', text: '' } as const;
const JUDGED = {
  kind: 'judged',
  edit: { top: Buffer.from('X: y\r\n'), cuts: [{ start: 2, end: 8 }] },
  sizeBytes: 7,
} as const;
const QUARANTINE = { ...HOLD, reason: 'spam', quarantine: { score: 8 } } as const;

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant('commit' as const),
      id,
      dest,
      due: fc.nat(60),
      length: fc.constantFrom(0, 10, 70_000, 300_000),
      hold: fc.boolean(),
      later: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant('claim' as const),
      dest,
      n: fc.nat(4),
      leaseMs: fc.integer({ min: 1, max: 40 }),
      early: fc.boolean(),
      fresh: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('complete' as const),
      leases: fc.array(leaseIndex, { maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('reschedule' as const),
      lease: leaseIndex,
      dest,
      due: fc.nat(60),
      hold: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('release' as const),
      leases: fc.array(leaseIndex, { maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('renew' as const),
      lease: leaseIndex,
      leaseMs: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('administer' as const),
      id,
      step: fc.oneof(
        fc.record({ kind: fc.constant('due' as const), release: fc.boolean() }),
        fc.record({ kind: fc.constant('due' as const), release: fc.boolean(), dest }),
        fc.record({ kind: fc.constant('hold' as const), hold: fc.constant(HOLD) }),
        fc.record({ kind: fc.constant('hold' as const), hold: fc.constant(QUARANTINE) }),
        fc.record({ kind: fc.constant('part' as const), recipients: fc.constant([]) }),
        fc.constant(JUDGED),
        fc.constant({ ...JUDGED, hold: QUARANTINE }),
        fc.record({ kind: fc.constant('remove' as const) }),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('holdDest' as const),
      dest,
      forMs: fc.option(fc.integer({ min: 1, max: 80 }), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('resumeDest' as const), dest }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('move' as const), ms: fc.integer({ min: 1, max: 50 }) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('restart' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One engine with the leases it has given, in the order it gave them. */
interface Side {
  store: SpoolStore;
  readonly leases: Lease[];
}

async function take(side: Side, clock: StillClock, one: Step): Promise<unknown> {
  const { store, leases } = side;
  const lease = (index: number) => leases[leases.length === 0 ? 0 : index % leases.length];
  const some = (list: readonly number[]) => list.map(lease).filter((found) => found !== undefined);
  switch (one.op) {
    case 'commit': {
      const made = (one.hold ? (one.later ? unjudged : held) : entry)(one.id, { dest: one.dest });
      return store.commit(made, clock.now() + one.due, contentOf(bytesOf(one.length)));
    }
    case 'claim': {
      const given = await store.claim(one);
      leases.push(...given);
      return given.map((found) => ({ ...found, token: undefined }));
    }
    case 'complete':
      return store.complete(some(one.leases));
    case 'release':
      return store.release(some(one.leases));
    case 'reschedule': {
      const found = lease(one.lease);
      if (found === undefined) return undefined;
      const attempts = found.entry.attempts + 1;
      const next = (one.hold ? held : entry)(found.id, { dest: one.dest, attempts });
      return store.reschedule([{ held: found, entry: next, dueAt: clock.now() + one.due }]);
    }
    case 'renew':
      return store.renew(some([one.lease]), one.leaseMs);
    case 'administer':
      return store.administer(one.id, one.step);
    case 'holdDest': {
      const until = one.forMs === undefined ? {} : { until: clock.now() + one.forMs };
      return store.holdDest({ dest: one.dest, at: clock.now(), ...until, by: 'admin', text: '' });
    }
    case 'resumeDest':
      return store.resumeDest(one.dest);
    case 'move':
    case 'restart':
      return undefined; // steps of both sides at once
  }
}

async function picture(store: SpoolStore) {
  const all = await store.scan({ limit: 100 });
  const lengths = [];
  for (const { entry: each } of all)
    lengths.push((await collect(store.readContent(each.id))).length);
  const counts = store.backlog().map(({ dest: name, messages }) => `${name} ${messages}`);
  const each = ['a.example', 'b.example'].map((name) => store.totals(name));
  const holds = store.heldDests().toSorted((a, b) => a.dest.localeCompare(b.dest));
  const kept = await store.scan({ limit: 100, only: 'held' });
  const totals = [store.totals(), store.quarantined(), store.quarantined('a.example')];
  return { all, kept, lengths, totals, each, counts: counts.toSorted(), holds };
}

test('random steps give the same results in LevelDB as in the model', async () => {
  const run = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const clock = new StillClock();
    const fixture = await levelFixture({ clock });
    const disk = new MemoryDisk();
    const model: Side = { store: new MemorySpool({ clock, disk }), leases: [] };
    const level: Side = { store: fixture.store.spool, leases: [] };
    try {
      for (const one of steps) {
        if (one.op === 'move') clock.move(one.ms);
        if (one.op === 'restart') {
          model.store = new MemorySpool({ clock, disk });
          level.store = (await fixture.reopen()).spool;
        }
        const [expected, found] = [await take(model, clock, one), await take(level, clock, one)];
        assert.deepEqual(found, expected, one.op);
        assert.deepEqual(await picture(level.store), await picture(model.store), one.op);
        for (const { dest: name, nextDueAt } of level.store.backlog()) {
          const truth = model.store.backlog().find((other) => other.dest === name);
          assert.ok(truth && nextDueAt <= truth.nextDueAt, `${name} is not looked at in time`);
        }
      }
    } finally {
      await fixture.close();
    }
  });
  await fc.assert(run, { numRuns: Number(process.env['SEEDS'] ?? 60) });
});
