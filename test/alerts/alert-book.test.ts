/** Who is told, and how often: a storm of changes makes no storm of alerts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition } from '../../src/alerts/alert-book.ts';
import { AlertBook } from '../../src/alerts/alert-book.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const TIMES = { afterMs: 2 * MINUTE, remindMs: DAY };

function down(since: number, subject = 'A'): Condition {
  return { kind: 'destination_down', subject, since, text: 'refused' };
}

/** What is told when `isWrong(now)` is looked at every quarter of a minute. */
function story(isWrong: (now: number) => boolean, untilMs: number, times = TIMES): string[] {
  const book = new AlertBook();
  const told: string[] = [];
  let since: number | undefined;
  for (let now = 0; now <= untilMs; now += MINUTE / 4) {
    since = isWrong(now) ? (since ?? now) : undefined;
    for (const { state } of book.see(since === undefined ? [] : [down(since)], now, times))
      told.push(`${state} ${now / MINUTE}`);
  }
  return told;
}

test('one alert when it lasts, one when it is over, and one a day meanwhile', () => {
  const outage = (now: number) => now >= MINUTE && now < 2.5 * DAY;
  const day = DAY / MINUTE;
  assert.deepEqual(story(outage, 3 * DAY), [
    'raised 3',
    `reminder ${3 + day}`,
    `reminder ${3 + 2 * day}`,
    `cleared ${2.5 * day + 2}`,
  ]);
});

test('what comes and goes faster than that is told to nobody', () => {
  const flapping = (now: number) => Math.floor(now / MINUTE) % 2 === 0;
  assert.deepEqual(story(flapping, DAY), []);
});

test('a short break in what was told of is no end and no second beginning', () => {
  const broken = (now: number) => now < 60 * MINUTE && Math.floor(now / MINUTE) % 10 !== 9;
  assert.deepEqual(story(broken, 90 * MINUTE), ['raised 2', 'cleared 61']);
});

test('without a wait it is told at once, without reminders once', () => {
  const times = { afterMs: 0, remindMs: null } as never as typeof TIMES;
  assert.deepEqual(
    story((now) => now < 3 * DAY, 4 * DAY, times),
    ['raised 0', `cleared ${(3 * DAY) / MINUTE}`],
  );
});

test('conditions are told apart, and a restart tells nobody anew', () => {
  const before = new AlertBook();
  const both = [down(0), down(0, 'B')];
  assert.equal(before.see(both, 5 * MINUTE, TIMES).length, 2);
  const after = new AlertBook();
  after.restore(before.raised());
  assert.deepEqual(after.see(both, 6 * MINUTE, TIMES), []);
  after.see([down(0, 'B')], 7 * MINUTE, TIMES);
  assert.deepEqual(
    after.see([down(0, 'B')], 9 * MINUTE, TIMES).map(({ state, subject }) => [state, subject]),
    [['cleared', 'A']],
  );
});
