/**
 * The scheduler in a world of faults (test/support/delivery-world.ts), seed by seed: `npm run
 * simulate` runs thousands of them (`SEEDS=20000`), `SEED=7` one. The same check must find what a
 * store does wrong that breaks its promises.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { errorText } from '../../src/base/errors.ts';
import type { Held } from '../../src/store/spool-store.ts';
import type { Sabotage } from '../support/delivery-world.ts';
import { DeliveryWorld } from '../support/delivery-world.ts';
import type { Seeds } from './simulated-seeds.ts';

const only = process.env['SEED'];
const seeds = Number(process.env['SEEDS'] ?? 200);

for (const [engine, last] of [
  ['model', seeds],
  // A seed takes some five times as long here.
  ['leveldb', Math.ceil(seeds / 5)],
] as const) {
  const seedsText = only === undefined ? `${last} seeds` : `seed ${only}`;
  test(`simulation over ${engine}: ${seedsText}`, async () => {
    const from = only === undefined ? 1 : Number(only);
    const run: Seeds = { engine, from, to: only === undefined ? last : from };
    const worker = new Worker(new URL('simulated-seeds.ts', import.meta.url), { workerData: run });
    // Rejects with what the thread threw.
    const [code] = (await once(worker, 'exit')) as [number];
    assert.equal(code, 0);
  });
}

/** What a store may do wrong, and what the check says of it. */
const SABOTAGE: readonly (readonly [what: string, sabotage: Sabotage, found: RegExp])[] = [
  [
    'a claim that gives away what is leased',
    (spool, random) => {
      const claim = spool.claim.bind(spool);
      let given: Held[] = [];
      spool.claim = async (options) => {
        if (random() < 0.3) await spool.release(given.splice(0));
        const leases = await claim(options);
        given = [...given, ...leases].slice(-20);
        return leases;
      };
    },
    /who lost it/,
  ],
  [
    'a renewal that is promised and not made',
    (spool) => {
      spool.renew = async (held) => held.map(() => true);
    },
    /who lost it|without a lease/,
  ],
  [
    'a step that forgets the recipients who are left',
    (spool, random) => {
      const reschedule = spool.reschedule.bind(spool);
      spool.reschedule = (steps) =>
        random() < 0.3 ? spool.complete(steps.map(({ held }) => held)) : reschedule(steps);
    },
    /is lost/,
  ],
  [
    'an end that is said to be written and is not',
    (spool, random) => {
      const complete = spool.complete.bind(spool);
      spool.complete = (held) => (random() < 0.3 ? spool.release(held) : complete(held));
    },
    /without a doubt/,
  ],
];

const MUTANT_SEEDS = 20;

for (const [what, sabotage, found] of SABOTAGE) {
  test(`the simulation finds ${what}`, async () => {
    const broken: string[] = [];
    for (let seed = 1; seed <= MUTANT_SEEDS; seed++) {
      const error = await new DeliveryWorld(seed, 'model', sabotage)
        .run()
        .then(() => '', errorText);
      if (found.test(error)) return;
      if (error !== '') broken.push(error);
    }
    assert.fail(`not found in ${MUTANT_SEEDS} seeds; instead: ${broken.join(' | ').slice(0, 500)}`);
  });
}
