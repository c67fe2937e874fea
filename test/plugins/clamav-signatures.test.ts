/** Of which day clamd's signatures are, from its own words; nothing else makes them old. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signaturesOf } from '../../plugins/clamav/signatures.ts';

const DAY_MS = 86_400_000;
/** clamd writes its local time. */
const NOW = new Date(2026, 10, 26, 12).getTime();
const at = (version: string) => signaturesOf(version, NOW, 7 * DAY_MS);

test('the age of signatures', () => {
  const cases: readonly [day: string, age: string, text: string][] = [
    ['Thu Nov 26 09:33:20 2026', 'fresh', '27449 is of the last day'],
    ['Wed Nov 25 09:33:20 2026', 'fresh', '27449 is 1 day old'],
    ['Thu Nov 19 12:00:01 2026', 'fresh', '27449 is 6 days old'],
    ['Thu Nov 19 12:00:00 2026', 'old', '27449 is 7 days old'],
    ['Sat Nov  7 12:00:00 2026', 'old', '27449 is 19 days old'],
    ['Fri Nov 27 12:00:00 2026', 'fresh', '27449 is of the last day'], // its clock is ahead
  ];
  for (const [day, age, text] of cases) {
    assert.deepEqual(at(`ClamAV 1.4.3/27449/${day}`), { age, text }, day);
  }
});

test('a clamd that does not say it has signatures of an unknown age, never old ones', () => {
  const versions = [
    'ClamAV 1.4.3',
    'ClamAV 1.4.3/0/',
    'ClamAV 1.4.3/27449/1',
    'ClamAV 1.4.3/27449/Xxx Yyy 99 99:99:99 2026',
    'ClamAV 1.4.3/x/Thu Nov 19 12:00:00 2026',
    'ClamAV 1.4.3/27449/Thu Nov 19 12:00:00 2026/more',
  ];
  for (const version of versions) assert.equal(at(version).age, 'unknown', version);
});
