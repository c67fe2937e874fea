/** "Did you mean" names the key that was meant, and keeps quiet when nobody can know. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { suggestion } from '../../src/config/suggestion.ts';

const KEYS = [
  'hostname',
  'data',
  'domains',
  'domain',
  'recipients',
  'message_size',
  'tls',
  'queue',
];

const CASES: readonly [string, string | undefined][] = [
  ['recepients', 'recipients'],
  ['reciepients', 'recipients'],
  ['domian', 'domain'],
  ['domainss', 'domains'],
  ['message-size', 'message_size'],
  ['Hostname', 'hostname'],
  ['tsl', 'tls'],
  ['que', 'queue'],
  ['data_dir', 'data'],
  ['tls_cert', 'tls'],
  ['database', undefined],
  ['zebra', undefined],
  ['x', undefined],
  ['', undefined],
  ['recipients'.repeat(1000), undefined],
];

test('the nearest key is suggested', () => {
  for (const [word, meant] of CASES) assert.equal(suggestion(word, KEYS), meant, word.slice(0, 20));
});
