/** Stored events come back as they were; what was stored by any released version can be read. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { TraceEvent } from '../../src/base/session-traces.ts';
import { decode, encode } from '../../src/records/recorded-events.ts';

const AT = Date.UTC(2026, 5, 2, 6, 42, 40, 910);
const SID = '4K7QZ2M9XT';

test('events come back with their ids, times and levels', () => {
  const event = (evt: TraceEvent['evt'], fields: object, more: Partial<TraceEvent> = {}) =>
    ({
      at: AT,
      level: 'info',
      evt,
      fields: { sid: SID, id: `${SID}.1`, ...fields },
      ...more,
    }) as const;
  const recorded = {
    session: [
      { at: AT, level: 'debug', evt: 'smtp.open', fields: { sid: SID, ip: '::1' } } as const,
    ],
    own: [
      event('scan.result', { engine: 'clamav', tests: ['A', 'B'] }, { level: 'debug', at: AT + 3 }),
      event('rcpt.sent', { to: 'a@b.example', code: 250 }),
      event('rcpt.sent', { to: 'c@b.example', code: 250 }),
      event('rcpt.sent', { to: 'd@b.example', code: 251 }),
      event('rcpt.sent', { to: 'e@b.example', code: 251 }, { at: AT + 9 }),
      event('smtp.close', { n: 1 }, { level: 'warn' }),
    ],
    dropped: 7,
    isLater: true,
  };
  const bytes = encode(recorded);
  assert.deepEqual(decode(`${SID}.1`, bytes), recorded);
  assert.ok(bytes.toString().split('rcpt.sent').length - 1 < 4, 'alike ones are one');
});

test('what is no record is none', () => {
  for (const text of ['', 'nonsense', '[]', 'null', '{"v":2}', '{"v":1,"at":1,"e":[[1]]}']) {
    const found = decode(`${SID}.1`, Buffer.from(text));
    assert.deepEqual(found?.own ?? [], [], text);
  }
});

/** As written by the first version; never to be changed. */
const V1 =
  '{"v":1,"at":1780382560910,"s":[[0,"smtp.open",{"ip":"203.0.113.9","port":51514}]],' +
  '"e":[[500,"rcpt.sent",{"to":["a@b.example","c@b.example"],"code":250}],' +
  '[501,"msg.in",{"from":"n@s.example","res":"accept"}],[502,"gone.by",{"x":1},"warn"]],"n":2,"l":true}';

test('a record of the first version stays readable', () => {
  const found = decode(`${SID}.1`, Buffer.from(V1));
  assert.deepEqual(
    found?.own.map(({ at, evt, level, fields }) => [at - AT, evt, level, fields['to'] ?? null]),
    [
      [500, 'rcpt.sent', 'info', 'a@b.example'],
      [500, 'rcpt.sent', 'info', 'c@b.example'],
      [501, 'msg.in', 'info', null],
      [502, 'gone.by', 'warn', null],
    ],
  );
  assert.deepEqual(found.session[0]?.fields, { sid: SID, ip: '203.0.113.9', port: 51514 });
  assert.deepEqual([found.dropped, found.isLater], [2, true]);
});
