/** Addresses: RFC 5321 and 6531 to the letter, against the isemail and EAI sets. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { parseAddress, parseForwardPath, parseReversePath } from '../../src/mail/address.ts';

const GOOD = [
  'a@b',
  'anna@example.org',
  'first.last@sub.example.org',
  "o'neil+tag=x@example.org",
  '"quoted string"@example.org',
  '"with\\"escape"@example.org',
  '"@"@example.org',
  'user@[192.0.2.1]',
  'user@[IPv6:2001:db8::1]',
  'user@under_score.example',
  'grå@blåbær.example',
  'чебурашка@ящик.example',
];
const BAD = [
  '',
  '@',
  'a@',
  '@b',
  'a',
  'a@@b',
  'a.@b',
  '.a@b',
  'a..b@c',
  'a b@c',
  'a@b c',
  'a@b..c',
  'a@-b.c',
  'a@b-.c',
  'a@[1.2.3]',
  'a@[300.2.3.4]',
  'a@[1.2.3.4',
  '"open@b',
  '"a"b@c',
  'a\u0000@b',
  'a@b\u0000.c',
  `${'x'.repeat(65)}@b`,
  `a@${'x'.repeat(64)}.b`,
  `a@${'x.'.repeat(130)}b`,
  'a@b.',
];

test('well-formed addresses are taken as written', () => {
  for (const text of GOOD) {
    const parsed = parseAddress(text);
    assert.ok(parsed.ok, text);
    assert.equal(`${parsed.value.local}@${parsed.value.domain}`, text);
  }
});

test('malformed addresses are refused with a sentence', () => {
  for (const text of BAD) {
    const parsed = parseAddress(text);
    assert.ok(!parsed.ok, JSON.stringify(text));
    assert.match(parsed.problem, /\w/);
  }
});

test('the null path is a reverse-path only; source routes are none', () => {
  assert.deepEqual(parseReversePath('<>'), { ok: true, value: null });
  assert.equal(parseForwardPath('<>').ok, false);
  assert.equal(parseForwardPath('<@relay.example:anna@example.org>').ok, false);
  assert.equal(parseForwardPath('anna@example.org').ok, false);
  assert.equal(parseForwardPath('<anna@example.org').ok, false);
});

test('parsing is linear: hostile lengths answer at once', () => {
  for (const text of ['a.'.repeat(50_000), `"${'\\"'.repeat(50_000)}`, `${'@'.repeat(100_000)}`]) {
    assert.equal(parseAddress(text).ok, false);
  }
});
