/** Traces stay within their bounds and keep what a person needs: the beginning and the end. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { SessionTraces } from '../../src/base/session-traces.ts';
import { searchTraces } from '../../src/base/trace-search.ts';

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
  const kept = [...seen.timelines()].map((timeline) => timeline.sid);
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
  const kept = [...seen.timelines()].reduce((sum, { events }) => sum + events.length, 0);
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
  assert.deepEqual([...seen.timelines()], []);
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

test('a search finds messages by what people know of them', () => {
  const seen = traces();
  seen.see('smtp.open', 'debug', { sid: sid(1), ip: '203.0.113.9' });
  const message = { sid: sid(1), id: `${sid(1)}.1`, dir: 'in' };
  const from = 'news@shop.example';
  const to = 'anna@example.org';
  seen.see('msg.in', 'info', { ...message, from, to, msgid: '<a1@shop>', res: 'accept' });
  seen.see('rcpt.defer', 'info', { ...message, why: 'dest_down', rip: '192.0.2.10' });
  seen.see('smtp.open', 'debug', { sid: sid(2), ip: '198.51.100.7' });
  seen.see('smtp.reject.rcpt', 'info', { sid: sid(2), code: 550, to: 'x@example.org' });
  const found = (text: string) =>
    searchTraces(seen.timelines(), { text, limit: 10 }).map((row) => row.id);
  assert.deepEqual(found('NEWS@shop'), [`${sid(1)}.1`]);
  assert.deepEqual(found('@example.org'), [sid(2), `${sid(1)}.1`], 'newest first');
  assert.deepEqual(found('203.0.113.9'), [`${sid(1)}.1`]);
  assert.deepEqual(found('192.0.2.10'), [`${sid(1)}.1`]);
  assert.deepEqual(found('<a1@shop>'), [`${sid(1)}.1`]);
  assert.deepEqual(found('nobody'), []);
});

test('a result says what the client was told and what became of it later', () => {
  const told = (res: string, ...later: [evt: 'rcpt.sent' | 'rcpt.defer' | 'rcpt.fail', object][]) =>
    [['msg.in', { res }], ...later] as const;
  for (const [events, expected] of [
    [told('accept'), 'accepted/queued'],
    [told('accept', ['rcpt.sent', {}]), 'accepted/delivered'],
    [told('accept', ['rcpt.defer', {}]), 'accepted/deferred'],
    [
      [['rcpt.sent', {}], ['msg.done', { res: 'delivered' }], ...told('accept')],
      'accepted/delivered',
    ],
    [told('reject'), 'rejected'],
    // Relay first: the destination refused, and so did we.
    [[['rcpt.fail', {}], ...told('reject')], 'rejected'],
    [told('tempfail'), 'tempfailed'],
    [told('quarantine'), 'quarantined'],
    [told('discard'), 'discarded'],
    [told('abort'), 'aborted'],
    [[['smtp.reject.conn', { code: 554 }]], 'rejected'],
    [[['smtp.reject.conn', { code: 421 }]], 'tempfailed'],
    [[['smtp.open', {}]], 'open'],
    [[...told('accept'), ['rcpt.defer', {}], ['msg.done', { res: 'expired' }]], 'accepted/expired'],
  ] as const) {
    const seen = traces();
    for (const [evt, fields] of events) seen.see(evt, 'info', { sid: sid(1), ...fields });
    const [row] = searchTraces(seen.timelines(), { text: sid(1), limit: 1 });
    assert.equal(row?.result, expected);
  }
});

test('a search is narrowed by time, direction and result', () => {
  const seen = traces();
  seen.see('msg.in', 'info', { sid: sid(1), id: `${sid(1)}.1`, dir: 'in', res: 'accept' });
  seen.see('msg.in', 'info', { sid: sid(2), id: `${sid(2)}.1`, dir: 'out', res: 'reject' });
  const found = (narrow: object) =>
    searchTraces(seen.timelines(), { text: '4K7QZ', limit: 10, ...narrow }).map(({ id }) => id);
  assert.deepEqual(found({ dir: 'out' }), [`${sid(2)}.1`]);
  assert.deepEqual(found({ result: 'accepted' }), [`${sid(1)}.1`]);
  assert.deepEqual(found({ since: 1_000_001 }), [`${sid(2)}.1`]);
  assert.deepEqual(found({ until: 1_000_000 }), [`${sid(1)}.1`]);
  assert.deepEqual(found({ limit: 1 }), [`${sid(2)}.1`]);
});
