import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextDelayMs, nextDueAt } from '../../src/delivery/retry.ts';

test('the waits are taken in order and the last one repeats', () => {
  const retry = [60_000, 300_000, 3_600_000];
  const cases: [attempts: number, factor: number, expected: number][] = [
    [1, 1, 60_000],
    [2, 1, 300_000],
    [3, 1, 3_600_000],
    [4, 1, 3_600_000],
    [400, 1, 3_600_000],
    [1, 0.95, 57_000],
    [2, 1.05, 315_000],
  ];
  for (const [attempts, factor, expected] of cases) {
    assert.equal(nextDelayMs(attempts, retry, factor), expected, `${attempts} × ${factor}`);
  }
  assert.equal(nextDelayMs(3, [], 1), 0);
});

test('the next time is never beyond the lifetime and never at once', () => {
  const cases: [delay: number, expires: number, expected: number, why: string][] = [
    [5000, 9000, 5000, 'as planned'],
    [5000, 4000, 4000, 'the last attempt and the end of the lifetime are one'],
    [0, 9000, 1000, 'an empty list must not spin'],
    [5000, 300, 1000, 'over already: soon, but not at once'],
  ];
  for (const [delay, expires, expected, why] of cases) {
    assert.equal(nextDueAt(0, delay, expires), expected, why);
  }
});
