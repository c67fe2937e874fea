/** Traces stay within their bounds and keep what a person needs: the beginning and the end. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { SessionTraces } from '../../src/base/session-traces.ts';

const sid = (n: number) => `4K7QZ${String(n).padStart(5, '0')}`;

function traces(sessions = 2000, eventsPerSession = 200, events = 50_000) {
  let at = 1_000_000;
  const clock = { ...systemClock, now: () => at++ };
  return new SessionTraces(clock, { sessions, eventsPerSession, events });
}

test('the first third of the events of a session and the newest ones are kept', () => {
  const seen = traces(10, 9);
  for (let n = 0; n < 100; n++) seen.see('rcpt.check', 'debug', { sid: sid(1), n });
  const timeline = seen.timeline(sid(1));
  assert.deepEqual(
    timeline?.events.map(({ fields }) => fields['n']),
    [0, 1, 2, 94, 95, 96, 97, 98, 99],
  );
  assert.equal(timeline.dropped, 91);
});

test('no more sessions than the bound; those not heard of for longest go first', () => {
  const seen = traces(100);
  for (let n = 0; n < 1000; n++) {
    seen.see('smtp.open', 'debug', { sid: sid(n) });
    seen.see('rcpt.defer', 'info', { sid: sid(0) }); // a message that keeps being heard of
  }
  const kept = Array.from({ length: 1000 }, (_, n) => sid(n)).filter((id) => seen.timeline(id));
  assert.ok(kept.length <= 100, `${kept.length} sessions`);
  assert.ok(kept.length >= 50, `${kept.length} sessions`);
  assert.ok(kept.includes(sid(999)));
  assert.ok(kept.includes(sid(0)));
  assert.ok(!kept.includes(sid(1)));
  assert.equal(seen.timeline(sid(0))?.events[0]?.evt, 'smtp.open');
});

test('no more events than the bound, however many sessions are full of them', () => {
  const seen = traces(100, 20, 300);
  for (let n = 0; n < 2000; n++) seen.see('smtp.reject.rcpt', 'info', { sid: sid(n >> 5) });
  const sids = Array.from({ length: 63 }, (_, n) => sid(n));
  const kept = sids.reduce((sum, id) => sum + (seen.timeline(id)?.events.length ?? 0), 0);
  assert.ok(kept <= 300 + 2 * 20, `${kept} events`);
  assert.ok(kept >= 150, `${kept} events`);
  assert.equal(seen.timeline(sid(1999 >> 5))?.events.length, 16);
});

test('long values and lists are shortened', () => {
  const seen = traces();
  const tests = Array.from({ length: 500 }, () => 'y'.repeat(5000));
  seen.see('smtp.proto', 'info', { sid: sid(1), text: 'x'.repeat(100_000), tests });
  const fields = seen.timeline(sid(1))?.events[0]?.fields;
  assert.equal(fields?.['text'], 'x'.repeat(256));
  assert.deepEqual(
    fields['tests'],
    Array.from({ length: 50 }, () => 'y'.repeat(256)),
  );
});

test('events of the server itself, or with an id out of bounds, are not kept', () => {
  const seen = traces();
  seen.see('srv.ready', 'info', {});
  seen.see('smtp.open', 'debug', { sid: 'x'.repeat(1000) });
  assert.equal(seen.timeline('x'.repeat(1000)), undefined);
  assert.equal(seen.timeline(''), undefined);
});

test('a message has the events of its session and its own, not those of another message', () => {
  const seen = traces();
  seen.see('smtp.open', 'debug', { sid: sid(1), ip: '203.0.113.9' });
  seen.see('msg.in', 'info', { sid: sid(1), id: `${sid(1)}.1` });
  seen.see('msg.in', 'info', { sid: sid(1), id: `${sid(1)}.2` });
  seen.see('rcpt.sent', 'info', { id: `${sid(1)}.2` });
  const evts = (id: string) => seen.timeline(id)?.events.map(({ evt }) => evt);
  assert.deepEqual(evts(`${sid(1)}.2`), ['smtp.open', 'msg.in', 'rcpt.sent']);
  assert.deepEqual(evts(sid(1)), ['smtp.open', 'msg.in', 'msg.in', 'rcpt.sent']);
  assert.equal(evts(`${sid(1)}.3`), undefined);
  assert.equal(evts(sid(2)), undefined);
});
