/**
 * The simulation must notice when the code that keeps the promises is wrong: each mutant is the
 * program with one place written otherwise, in a process of its own.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Engine } from '../support/delivery-world.ts';

interface Mutant {
  readonly what: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly engine: Engine;
}

const MUTANTS: readonly Mutant[] = [
  {
    what: 'a delivery may end whatever became of its lease',
    file: 'delivery/lease-keeper.ts',
    from: 'return !abort.signal.aborted;',
    to: 'return true;',
    engine: 'model',
  },
  {
    what: 'the time of a lease counts for nothing',
    file: 'delivery/lease-keeper.ts',
    from: 'return askedAt + LEASE_MS - GUARD_MS;',
    to: 'return askedAt + 1000 * LEASE_MS;',
    engine: 'model',
  },
  {
    what: 'a recipient who was put off counts as delivered',
    file: 'delivery/settlement.ts',
    from: "if (outcome.kind === 'delivered') return [];",
    to: "if (outcome.kind !== 'failed') return [];",
    engine: 'model',
  },
  {
    what: 'a recipient who is given up just goes',
    file: 'delivery/settlement.ts',
    from: "isGivenUp(recipient) && fate(recipient) !== 'hold'",
    to: 'isGivenUp(recipient)',
    engine: 'model',
  },
  {
    what: 'a lease given back is not free again',
    file: 'store/leveldb/schedule.ts',
    from: 'this.#due.giveBack(lease.dest, lease.place);',
    to: '',
    engine: 'leveldb',
  },
  {
    what: 'any token will do',
    file: 'store/leveldb/leases.ts',
    from: 'lease?.token === held.token &&',
    to: 'lease !== undefined &&',
    engine: 'leveldb',
  },
  {
    what: 'a commit is acknowledged before it is written',
    file: 'store/leveldb/group-commit.ts',
    from: 'this.#waitingBytes += bytes;',
    to: 'this.#waitingBytes += bytes; resolve();',
    engine: 'leveldb',
  },
  {
    what: 'a batch is not synced',
    file: 'store/leveldb/group-commit.ts',
    from: '{ sync });',
    to: '{ sync: false });',
    engine: 'leveldb',
  },
  {
    what: 'a batch that failed counts as written',
    file: 'store/leveldb/group-commit.ts',
    from: 'group.reject(error as Error)',
    to: 'group.resolve()',
    engine: 'leveldb',
  },
  {
    what: 'parts of a message are forgotten',
    file: 'store/leveldb/changes.ts',
    from: '...joined.flatMap((message) => message.ops),',
    to: '',
    engine: 'leveldb',
  },
  {
    what: 'a group is dropped when others are written with it',
    file: 'store/leveldb/group-commit.ts',
    from: 'groups.flatMap((group) => group.ops)',
    to: 'groups.slice(1).flatMap((group) => group.ops)',
    engine: 'leveldb',
  },
];

const SEEDS = process.env['SEEDS'] ?? '60';

for (const { what, file, from, to, engine } of MUTANTS) {
  test(`the simulation finds: ${what}`, async () => {
    const child = join(import.meta.dirname, 'mutant-child.ts');
    const args = [child, file, from, to, engine, SEEDS];
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, args, { timeout: 300_000 });
    assert.match(stdout, /^FOUND/);
  });
}
