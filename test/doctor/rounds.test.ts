/** The round: told in order, side by side, within a bound, and nothing in it can hang or break it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { pass } from '../../src/doctor/finding.ts';
import type { Check } from '../../src/doctor/rounds.ts';
import { makeRound } from '../../src/doctor/rounds.ts';
import { FakeClock } from '../support/fake-clock.ts';

test('a check that hangs or throws is told as unsure; the others are told in their order', async () => {
  const clock = new FakeClock();
  const done: string[] = [];
  let now = 0;
  let most = 0;
  const quick = (about: string): Check => ({
    group: 'system',
    about,
    look: async () => {
      now += 1;
      most = Math.max(most, now);
      await Promise.resolve();
      now -= 1;
      return [pass(about, 'well')];
    },
  });
  const checks: Check[] = [
    { group: 'dns', about: 'silent', look: () => new Promise(() => undefined) },
    { group: 'dns', about: 'broken', look: () => Promise.reject(new Error('no luck')) },
    ...Array.from({ length: 100 }, (_, i) => quick(`quick ${i}`)),
  ];
  const told: string[] = [];
  const telling = (async () => {
    const onDone = (count: number, open: readonly string[]) => done.push(`${count} ${open[0]}`);
    for await (const row of makeRound(checks, { clock, onDone }))
      told.push(`${row.status} ${row.check} ${row.isUnsure === true}`);
  })();
  await clock.advance(30_000);
  await telling;
  assert.deepEqual(told.slice(0, 3), [
    'SKIP silent true',
    'SKIP broken true',
    'PASS quick 0 false',
  ]);
  assert.equal(told.length, 102);
  assert.ok(most <= 16, `${most} at once`);
  assert.equal(done.at(-2), '101 silent', 'who waits is told for whom');
});
