/** One line says what the client was told and what became of the message later. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { EventName, Fields } from '../../src/base/log.ts';
import type { TraceEvent } from '../../src/base/session-traces.ts';
import { RESULTS } from '../../src/records/results.ts';
import { summary } from '../../src/records/trace-summary.ts';

type Told = readonly (readonly [evt: EventName, fields: Fields])[];

function rowOf(told: Told, id = '4K7QZ2M9XT.1') {
  const events = told.map(([evt, fields]): TraceEvent => ({ at: 1, level: 'info', evt, fields }));
  return summary(id, events, events);
}

test('a result says what the client was told and what became of it later', () => {
  const told = (res: string, ...later: Told): Told => [['msg.in', { res }], ...later];
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
    // Filters that were down had something against it later.
    [
      [...told('accept'), ['rcpt.hold', { to: 'a' }], ['quar.add', { late: true }]],
      'accepted/quarantined',
    ],
    [
      [
        ...told('accept'),
        ...([
          ['rcpt.hold', { to: 'a' }],
          ['quar.add', { late: true }],
          ['quar.release', {}],
          ['rcpt.sent', { to: 'a' }],
        ] as const),
      ],
      'accepted/delivered',
    ],
    // In parts: over when all of them are.
    [
      [
        ...told('accept'),
        ['msg.part', {}],
        ['rcpt.sent', { to: 'a' }],
        ['msg.done', { res: 'delivered' }],
        ['rcpt.defer', { to: 'b' }],
      ],
      'accepted/deferred',
    ],
    [
      [
        ...told('accept'),
        ['msg.part', {}],
        ['msg.done', { res: 'delivered' }],
        ['msg.done', { res: 'failed' }],
      ],
      'accepted/partial',
    ],
    // A report of ours.
    [[['dsn.out', { to: 'a@b.example' }]], 'accepted/queued'],
    [
      [
        ['dsn.out', {}],
        ['rcpt.sent', {}],
        ['msg.done', { res: 'delivered' }],
      ],
      'accepted/delivered',
    ],
  ] as const) {
    assert.equal(rowOf(events).result, expected);
    assert.ok(RESULTS.includes(expected), expected);
  }
  assert.equal(rowOf([['dsn.out', {}]]).dir, 'out');
  assert.equal(rowOf([['smtp.open', {}]], '4K7QZ2M9XT').result, 'no mail');
});
