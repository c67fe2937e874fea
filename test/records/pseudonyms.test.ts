/** Nobody reads an address in a day of pseudonyms; whoever knows it finds it. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { TraceEvent } from '../../src/base/session-traces.ts';
import { PseudonymKeys } from '../../src/records/pseudonym-keys.ts';
import { pseudonymWith, withPseudonyms } from '../../src/records/pseudonyms.ts';
import { termsOf } from '../../src/records/terms.ts';
import { conditionsOf, meets, pseudonymous } from '../../src/records/trace-query.ts';
import { tempFolder } from '../support/temp-folder.ts';

const pseudonym = pseudonymWith('secret');
const ID = { sid: '4K7QZ2M9XT', id: '4K7QZ2M9XT.1' };

/** What people are called here; none of it may be left. */
const SECRETS = [
  'anna',
  'carl',
  'bounce',
  'o"brien',
  'news',
  'dyn-17',
  '203.0.113',
  'd00b',
  'laptop',
  'brown',
  'operation',
];

const EVENTS: TraceEvent[] = [
  ['smtp.open', { ip: '203.0.113.9', rdns: 'dyn-17.isp.example', port: 5 }],
  ['smtp.open', { ip: '2001:db8::d00b' }],
  [
    'msg.in',
    {
      helo: 'laptop',
      from: 'News+bounce=anna=x.example@Shop.example',
      to: 'anna@example.org,"o\\"brien, carl"@example.org',
      dest: 'example.org',
      msgid: '<anna=1:2@laptop-news>',
      subject: 'for anna',
      acct: 'anna@example.org',
      recipients: ['anna@example.org', 'carl@example.org'],
      score: 1.5,
    },
  ],
  [
    'rcpt.fail',
    {
      to: 'carl@example.org',
      rip: '192.0.2.10',
      text: '550 <carl@example.org>: client [203.0.113.9] or 2001:db8::d00b blocked at 12:30:45',
    },
  ],
  ['smtp.proto', { what: 'From: "Carla Brown" <carl@example.org>', state: 'refused' }],
  ['smtp.proto', { what: 'Subject: operation tomorrow' }],
  ['smtp.line', { by: 'client', text: 'EHLO laptop' }],
  ['smtp.line', { by: 'gateway', text: '250-mx greets laptop | 250 SMTPUTF8' }],
  ['smtp.reject.mail', { from: 'anna@203.0.113.9', acct: '203.0.113.0/24' }],
].map(
  ([evt, fields]) =>
    ({ at: 1, level: 'info', evt, fields: { ...ID, ...(fields as object) } }) as TraceEvent,
);

test('nothing of a person is left, and what is no person stays', () => {
  const recorded = {
    session: EVENTS.slice(0, 2),
    own: EVENTS.slice(2),
    dropped: 0,
    isLater: false,
  };
  const hidden = withPseudonyms(recorded, pseudonym);
  const text = JSON.stringify([hidden, termsOf([...hidden.session, ...hidden.own])]).toLowerCase();
  for (const secret of SECRETS) assert.ok(!text.includes(secret), `${secret} in ${text}`);
  for (const kept of [
    'shop.example',
    'example.org',
    '192.0.2.10',
    '12:30:45',
    '"score":1.5',
    '550 <~',
    'subject: ...',
    'ehlo ...',
    '250- ...',
  ]) {
    assert.ok(text.includes(kept), kept);
  }
  assert.deepEqual(withPseudonyms(hidden, pseudonym), hidden, 'a pseudonym stays what it is');
});

test('an exact question finds what it found before, the beginning of an address does not', () => {
  const hidden = withPseudonyms(
    { session: [], own: EVENTS, dropped: 0, isLater: false },
    pseudonym,
  );
  const [before, after] = [new Set(termsOf(EVENTS)), new Set(termsOf(hidden.own))];
  const ask = (query: object) => {
    const conditions = conditionsOf({ limit: 1, ...query });
    const then = pseudonymous(conditions, pseudonym);
    return [meets(before, conditions), then !== undefined && meets(after, then)];
  };
  for (const query of [
    { text: 'anna@example.org' },
    { text: 'ANNA@example.org' },
    { from: 'news+bounce=anna=x.example@shop.example' },
    { to: 'carl@example.org' },
    { text: '@shop.example' },
    { text: '<anna=1:2@laptop-news>' },
    { client: '203.0.113.9' },
    { text: '2001:db8::d00b' },
    { account: 'anna@example.org' },
    { account: '203.0.113.0/24' },
    { domain: 'example.org', from: '@shop.example' },
    { text: 'shop.example' },
  ]) {
    assert.deepEqual(ask(query), [true, true], JSON.stringify(query));
  }
  for (const query of [
    { from: 'news' },
    { to: 'ann*' },
    { subject: 'anna' },
    { client: '203.0.*' },
  ]) {
    assert.deepEqual(ask(query), [true, false], JSON.stringify(query));
  }
  assert.deepEqual(ask({ to: 'dora@example.org' }), [false, false]);
});

test('two days have different pseudonyms', () => {
  assert.notEqual(pseudonymWith('a')('anna@example.org'), pseudonymWith('b')('anna@example.org'));
  assert.match(pseudonym('Anna@Example.org'), /^~[0-9a-f]{16}@example\.org$/);
});

test('keys are read by nobody else, outlive a restart and go with their day', async (t) => {
  const folder = tempFolder(t);
  const keys = await PseudonymKeys.open(folder);
  assert.equal(keys.of('2026-06-02'), undefined);
  const key = await keys.make('2026-06-02');
  assert.equal(await keys.make('2026-06-02'), key);
  assert.notEqual(await keys.make('2026-06-03'), key);
  const file = join(folder, 'pseudonym-keys.json');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const later = await PseudonymKeys.open(folder);
  assert.equal(later.of('2026-06-02'), key);
  await later.keep(new Set(['2026-06-03']));
  assert.equal(later.of('2026-06-02'), undefined);
  assert.ok(!readFileSync(file, 'utf8').includes(key));
});
