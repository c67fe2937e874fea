/** One record for each transaction, for each report of ours and for each session that was no mail. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { boundedFields } from '../../src/base/bounded-fields.ts';
import type { EventName, Fields } from '../../src/base/log.ts';
import { LEVEL_OF } from '../../src/base/log.ts';
import { createIds } from '../../src/base/ids.ts';
import { Collector } from '../../src/records/collector.ts';
import { decode } from '../../src/records/recorded-events.ts';
import type { RecordSegment } from '../../src/store/record-store.ts';
import { FakeClock } from '../support/fake-clock.ts';

function collecting() {
  const clock = new FakeClock();
  const segments: RecordSegment[] = [];
  const collector = new Collector({ clock, take: (segment) => segments.push(segment) });
  const ids = createIds(clock);
  const see = (evt: EventName, fields: Fields, kept?: Fields['kept']) =>
    collector.see(
      { at: clock.now(), level: LEVEL_OF[evt], evt, fields: boundedFields(fields) },
      kept,
    );
  const said = ({ id, place, bytes }: RecordSegment) => {
    const events = decode(id, bytes);
    const names = [...(events?.session ?? []), ...(events?.own ?? [])].map(({ evt }) => evt);
    return [id, place, names.join(' ')] as const;
  };
  return { clock, segments, collector, see, sid: () => ids.session(), said };
}

test('a message that was delivered at once is one segment, with what its session is about', async () => {
  const { clock, segments, see, sid: next, said } = collecting();
  const sid = next();
  const id = `${sid}.1`;
  see('smtp.open', { sid, ip: '203.0.113.9', port: 51514 });
  await clock.advance(5000);
  assert.equal(segments.length, 0, 'a client that says nothing is nobody');
  see('scan.result', { sid, id, engine: 'clamav', verdict: 'pass' });
  see('rcpt.sent', { sid, id, to: 'anna@example.org', dest: 'example.org', text: '250 Ok' });
  see('msg.done', { sid, id, res: 'delivered' });
  see('msg.in', { sid, id, from: 'News@shop.example', to: 'anna@example.org', res: 'accept' });
  see('smtp.close', { sid });
  await clock.advance(1000);
  assert.deepEqual(segments.map(said), [
    [id, 'whole', 'smtp.open scan.result rcpt.sent msg.done msg.in'],
  ]);
  assert.deepEqual(segments[0]?.terms.toSorted(), [
    'F@shop.example',
    'c203.0.113.9',
    'd@example.org',
    'fnews@shop.example',
    'tanna@example.org',
  ]);
  assert.equal(clock.waiting, 0, 'nothing is left to wait for');
});

test('what comes later is added, and overrules what was for the time being', async () => {
  const { clock, segments, see, sid: next, said } = collecting();
  const sid = next();
  const id = `${sid}.1`;
  see('smtp.open', { sid, ip: '203.0.113.9' });
  see('msg.in', { sid, id, from: '', to: 'anna@example.org', dest: 'example.org', res: 'accept' });
  see('smtp.close', { sid });
  await clock.advance(1000);
  see('rcpt.defer', { id, sid, to: 'anna@example.org', dest: 'example.org', try: 2 });
  await clock.advance(60_000);
  see('rcpt.sent', { id, sid, to: 'anna@example.org', text: '250 Ok: queued as 9F1A2B' });
  see('msg.done', { id, sid, res: 'delivered' });
  await clock.advance(1000);
  assert.deepEqual(segments.map(said), [
    [id, 'first', 'smtp.open msg.in'],
    [id, 'later', 'rcpt.defer'],
    [id, 'later', 'rcpt.sent msg.done'],
  ]);
  const [first, second, third] = segments;
  assert.ok(first?.terms.includes('squeued') && first.terms.includes('f<>'));
  assert.ok(second?.terms.includes('sdeferred'));
  assert.deepEqual(second?.revoked, ['squeued']);
  assert.ok(third?.terms.includes('q9f1a2b'));
  assert.deepEqual(third?.revoked, ['squeued', 'sdeferred', 'sheld']);
});

test('a session that was turned away has a record of its own; one that said nothing has none', async () => {
  const { clock, segments, see, sid: next, said } = collecting();
  const [refused, scanned, silent] = [next(), next(), next()];
  see('smtp.reject.conn', { sid: refused, ip: '198.51.100.7', why: 'limit' });
  see('smtp.open', { sid: scanned, ip: '198.51.100.8' });
  see('smtp.proto', { sid: scanned, what: 'GET' });
  see('smtp.close', { sid: scanned });
  see('smtp.open', { sid: silent, ip: '198.51.100.9' });
  see('smtp.close', { sid: silent });
  await clock.advance(1000);
  assert.deepEqual(segments.map(said), [
    [refused, 'whole', 'smtp.reject.conn'],
    [scanned, 'whole', 'smtp.open smtp.proto'],
  ]);
  assert.deepEqual(segments[0]?.terms, ['c198.51.100.7', 'stempfailed']);
});

test('a client that takes its time is on record before it has ended', async () => {
  const { clock, segments, collector, see, sid: next, said } = collecting();
  const sid = next();
  see('smtp.open', { sid, ip: '198.51.100.7' });
  see('smtp.reject.rcpt', { sid, id: `${sid}.1`, to: 'x@example.org', code: 550 });
  await clock.advance(2000);
  see('msg.in', { sid, id: `${sid}.1`, res: 'reject', to: undefined });
  see('msg.in', { sid, id: `${sid}.2`, res: 'abort' });
  await clock.advance(500);
  see('smtp.lost', { sid });
  collector.stop();
  assert.deepEqual(segments.map(said), [
    [`${sid}.1`, 'first', 'smtp.open smtp.reject.rcpt'],
    [`${sid}.1`, 'later', 'msg.in'],
    [`${sid}.2`, 'whole', 'msg.in'],
    [sid, 'whole', 'smtp.lost'],
  ]);
  assert.deepEqual(segments.at(-1)?.terms, [], 'only told with its messages');
});

test('what is over is written soon; what waits for a scanner wakes nobody meanwhile', async (t) => {
  const { clock, segments, see, sid: next } = collecting();
  const sid = next();
  see('smtp.open', { sid, ip: '198.51.100.7' });
  see('scan.result', { sid, id: `${sid}.1`, engine: 'clamav', verdict: 'pass' });
  const timers = t.mock.method(clock, 'timer');
  await clock.advance(900);
  assert.equal(timers.mock.callCount(), 0);
  see('msg.in', { sid, id: `${sid}.1`, res: 'accept' });
  await clock.advance(100);
  assert.equal(segments.length, 1);
});

test('events are bounded in number and size, and others than of mail are not taken', async () => {
  const { clock, segments, see, sid: next } = collecting();
  const sid = next();
  const id = `${sid}.1`;
  see('srv.ready', {});
  see('scanner.down', { engine: 'clamav' });
  see('smtp.open', { sid: 'nonsense', ip: '203.0.113.9' });
  see('rcpt.sent', { id: 'x.1' });
  see('smtp.open', { sid });
  for (let n = 0; n < 5000; n++) {
    see('rcpt.defer', { sid, id, to: `${n}@example.org`, text: 'x'.repeat(10_000), n });
  }
  see('msg.in', { sid, id, res: 'accept' });
  await clock.advance(500);
  const [only] = segments;
  assert.equal(segments.length, 1);
  const events = decode(id, only?.bytes ?? new Uint8Array());
  assert.equal(events?.own.length, 1001);
  assert.equal(events.own.at(-1)?.evt, 'msg.in');
  assert.equal(events.dropped, 4000);
  assert.ok((only?.bytes.length ?? 0) < 400_000);
});

test('what was kept for the record alone is in it, and each recipient is a term', async () => {
  const { clock, segments, see, sid: next } = collecting();
  const sid = next();
  const id = `${sid}.1`;
  const recipients = Array.from({ length: 300 }, (_, n) => `user${n}@example.org`);
  const fields = { sid, id, to: 'user0@example.org', dest: 'example.org', res: 'accept' };
  see('msg.in', fields, { recipients, subject: 'Grüße aus Köln' });
  await clock.advance(500);
  const terms = segments[0]?.terms ?? [];
  for (const term of ['tuser299@example.org', 'wgrüße', 'waus', 'wköln']) {
    assert.ok(terms.includes(term), term);
  }
});
