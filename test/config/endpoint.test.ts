/** `host:port` in all the ways people write it, and one spelling for each address. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { canonicalHost, isNetwork, parseEndpoint } from '../../src/config/endpoint.ts';

const ENDPOINTS: readonly [string, string, number][] = [
  ['192.0.2.10:2525', '192.0.2.10', 2525],
  ['192.0.2.10', '192.0.2.10', 25],
  ['Mail.Example.ORG:26', 'mail.example.org', 26],
  ['mail', 'mail', 25],
  ['[::1]:26', '::1', 26],
  ['[2001:DB8::1]', '2001:db8::1', 25],
  ['127.0.0.1:0', '127.0.0.1', 0],
];

const NOT_ENDPOINTS = [
  '',
  ':25',
  '::1',
  '::1:25',
  '[::1',
  '[::1]25',
  '[127.0.0.1]:25',
  '[]:25',
  'mail:25:25',
  'mail:',
  'mail:smtp',
  'mail:65536',
  'mail:-1',
  'mail:+25',
  '192.0.2.256',
  '192.0.2',
  'a b',
  'mail/25',
  'smtp://mail:25',
  '-mail',
];

test('host and port are found', () => {
  for (const [text, host, port] of ENDPOINTS) {
    assert.deepEqual(parseEndpoint(text, 25), { ok: true, value: { host, port } }, text);
  }
});

test('what is no endpoint is refused with a sentence', () => {
  for (const text of NOT_ENDPOINTS) {
    const parsed = parseEndpoint(text, 25);
    assert.equal(parsed.ok, false, text);
    if (!parsed.ok) assert.match(parsed.problem, / /);
  }
});

test('without a default the port must be given', () => {
  assert.equal(parseEndpoint('192.0.2.10', undefined).ok, false);
});

test('one address has one spelling', () => {
  assert.equal(canonicalHost('2001:DB8:0:0:0:0:0:1'), '2001:db8::1');
  assert.equal(canonicalHost('::ffff:127.0.0.1'), '127.0.0.1');
  assert.equal(canonicalHost('::FFFF:7f00:1'), '127.0.0.1');
  assert.equal(canonicalHost('MAIL.example'), 'mail.example');
});

test('networks are addresses with or without a prefix', () => {
  for (const text of ['192.0.2.1', '192.0.2.0/24', '0.0.0.0/0', '2001:db8::/32', '::1/128']) {
    assert.ok(isNetwork(text), text);
  }
  for (const text of ['', '192.0.2.0/33', '::/129', '192.0.2.0/', '192.0.2.0/2/4', 'mail/24']) {
    assert.ok(!isNetwork(text), text);
  }
});
