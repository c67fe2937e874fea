/** Windows of the calendar in time zones, on days that are longer, shorter or missing. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Calendar, WINDOWS } from '../../src/store/calendar.ts';
import type { CounterWindow } from '../../src/store/calendar.ts';
import { seededRandom } from '../support/seeded-random.ts';

const CASES: readonly [string, CounterWindow, at: string, start: string, end: string][] = [
  ['UTC', 'minute', '2026-11-25T10:20:30.400Z', '2026-11-25T10:20Z', '2026-11-25T10:21Z'],
  ['UTC', 'hour', '2026-11-25T10:20Z', '2026-11-25T10:00Z', '2026-11-25T11:00Z'],
  ['UTC', 'week', '2026-11-25T10:20Z', '2026-11-23T00:00Z', '2026-11-30T00:00Z'],
  ['UTC', 'week', '2026-11-23T00:00Z', '2026-11-23T00:00Z', '2026-11-30T00:00Z'],
  ['UTC', 'week', '2026-11-22T23:59:59Z', '2026-11-16T00:00Z', '2026-11-23T00:00Z'],
  ['UTC', 'month', '2024-02-29T12:00Z', '2024-02-01T00:00Z', '2024-03-01T00:00Z'],
  ['UTC', 'month', '2026-12-31T23:59Z', '2026-12-01T00:00Z', '2027-01-01T00:00Z'],
  // A quarter of an hour off: the day begins at 18:15 UTC.
  ['Asia/Kathmandu', 'day', '2026-11-25T20:00Z', '2026-11-25T18:15Z', '2026-11-26T18:15Z'],
  ['Asia/Kathmandu', 'hour', '2026-11-25T20:20Z', '2026-11-25T20:15Z', '2026-11-25T21:15Z'],
  // 23 and 25 hours.
  ['Europe/Berlin', 'day', '2026-03-29T10:00Z', '2026-03-28T23:00Z', '2026-03-29T22:00Z'],
  ['Europe/Berlin', 'day', '2026-10-25T10:00Z', '2026-10-24T22:00Z', '2026-10-25T23:00Z'],
  ['Europe/Berlin', 'week', '2026-10-25T10:00Z', '2026-10-18T22:00Z', '2026-10-25T23:00Z'],
  ['Europe/Berlin', 'month', '2026-10-31T10:00Z', '2026-09-30T22:00Z', '2026-10-31T23:00Z'],
  // The hour that comes twice is two windows.
  ['Europe/Berlin', 'hour', '2026-10-25T00:30Z', '2026-10-25T00:00Z', '2026-10-25T01:00Z'],
  ['Europe/Berlin', 'hour', '2026-10-25T01:30Z', '2026-10-25T01:00Z', '2026-10-25T02:00Z'],
  // The clock is put forward at midnight: the day begins at one.
  ['Africa/Cairo', 'day', '2026-04-24T12:00Z', '2026-04-23T22:00Z', '2026-04-24T21:00Z'],
  // A date that was left out.
  ['Pacific/Apia', 'day', '2011-12-30T09:00Z', '2011-12-29T10:00Z', '2011-12-30T10:00Z'],
  ['Pacific/Apia', 'day', '2011-12-30T10:00Z', '2011-12-30T10:00Z', '2011-12-31T10:00Z'],
];

for (const [zone, window, at, start, end] of CASES) {
  test(`${window} of ${at} in ${zone}`, () => {
    const span = new Calendar().span(zone, window, Date.parse(at));
    const iso = (time: number) => new Date(time).toISOString();
    assert.deepEqual(
      { start: iso(span.start), end: iso(span.end) },
      { start: iso(Date.parse(start)), end: iso(Date.parse(end)) },
    );
  });
}

test('windows hold their moment and follow each other without a gap', () => {
  const random = seededRandom(7);
  const zones = ['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Africa/Cairo', 'UTC'];
  for (const zone of zones) {
    for (let n = 0; n < 12; n++) {
      const at = Date.parse('2020-01-01T00:00Z') + Math.floor(random() * 3e11);
      for (const window of WINDOWS) {
        const span = new Calendar().span(zone, window, at);
        assert.ok(span.start <= at && at < span.end, `${zone} ${window} ${at}`);
        if (window === 'minute' || window === 'hour') continue;
        assert.equal(new Calendar().span(zone, window, span.end).start, span.end);
        assert.deepEqual(new Calendar().span(zone, window, span.start), span);
        assert.equal(new Calendar().span(zone, window, span.start - 1).end, span.start);
      }
    }
  }
});

test('a zone that is none is refused', () => {
  assert.throws(() => new Calendar().span('Mars/Base', 'day', 0), RangeError);
});
