/** A hook's answer: only a verdict in every member comes through; nonsense never becomes a pass. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { checkVerdict } from '../../src/plugin-host/verdict-check.ts';

const REFUSAL = { kind: 'refuse', reason: 'policy', text: 'No' };

const GOOD: readonly unknown[] = [
  { kind: 'pass' },
  { kind: 'pass', score: -1.5, tests: ['A'], results: { a: 'x', b: 1, c: false } },
  { kind: 'pass', fields: [{ name: 'X-A', value: 'b c' }] },
  { kind: 'pass', senderProven: true },
  { kind: 'pass', unlessProven: { kind: 'refuse', reason: 'policy', text: 'No' } },
  REFUSAL,
  { ...REFUSAL, kind: 'defer', reason: 'plugin:own', detail: '7.1' },
  { ...REFUSAL, kind: 'quarantine' },
  { ...REFUSAL, kind: 'discard' },
];
for (const verdict of GOOD) {
  test(`verdict taken: ${JSON.stringify(verdict)}`, () => {
    assert.deepEqual(checkVerdict(verdict), verdict);
  });
}

const NONSENSE: readonly [what: string, answer: unknown][] = [
  ['null', null],
  ['true', true],
  ['a word', 'pass'],
  ['a number', 250],
  ['a list', [{ kind: 'pass' }]],
  ['a function', () => ({ kind: 'pass' })],
  ['no kind', {}],
  ['an unknown kind', { kind: 'accept' }],
  ['an inherited kind', Object.create({ kind: 'pass' })],
  ['an unknown member', { kind: 'pass', reject: true }],
  ['a pass with a reason', { kind: 'pass', reason: 'spam' }],
  ['a refusal without a reason', { kind: 'refuse', text: 'No' }],
  ['an unknown reason', { ...REFUSAL, reason: 'because' }],
  ['a reason of the prototype', { ...REFUSAL, reason: 'toString' }],
  ['a refusal without a text', { kind: 'refuse', reason: 'policy' }],
  ['an empty text', { ...REFUSAL, text: '' }],
  ['a text with a line end', { ...REFUSAL, text: 'No\r\n250 Ok' }],
  ['an endless text', { ...REFUSAL, text: 'x'.repeat(1000) }],
  ['a detail with a class', { ...REFUSAL, detail: '5.7.1' }],
  ['a detail that is a number', { ...REFUSAL, detail: 7.1 }],
  ['a score that is no number', { kind: 'pass', score: Number.NaN }],
  ['an endless score', { kind: 'pass', score: Infinity }],
  ['a score as text', { kind: 'pass', score: '5' }],
  ['a condition that is no verdict', { kind: 'pass', unlessProven: { score: 1 } }],
  [
    'a condition within a condition',
    { kind: 'pass', unlessProven: { kind: 'pass', unlessProven: { kind: 'pass' } } },
  ],
  ['a proof for want of one', { kind: 'pass', unlessProven: { kind: 'pass', senderProven: true } }],
  ['a proof as text', { kind: 'pass', senderProven: 'no' }],
  ['tests that are no list', { kind: 'pass', tests: 'A,B' }],
  ['a test that is no text', { kind: 'pass', tests: [1] }],
  ['a hole in the tests', { kind: 'pass', tests: Array.from({ length: 2 }) }],
  ['too many tests', { kind: 'pass', tests: Array.from({ length: 501 }, () => 'A') }],
  ['a field with a second line', { kind: 'pass', fields: [{ name: 'X-A', value: 'b\r\nX-C: d' }] }],
  ['a field name with a colon', { kind: 'pass', fields: [{ name: 'X:A', value: 'b' }] }],
  ['a field name with a space', { kind: 'pass', fields: [{ name: 'X A', value: 'b' }] }],
  ['a field without a value', { kind: 'pass', fields: [{ name: 'X-A' }] }],
  ['an 8-bit field', { kind: 'pass', fields: [{ name: 'X-A', value: 'ä' }] }],
  ['a result that is an object', { kind: 'pass', results: { a: {} } }],
  ['a result that is no number', { kind: 'pass', results: { a: Number.NaN } }],
];
for (const [what, answer] of NONSENSE) {
  test(`verdict refused: ${what}`, () => {
    assert.throws(() => checkVerdict(answer), { code: 'PLUGIN_INVALID' });
  });
}

test('no answer is a pass', () => {
  assert.deepEqual(checkVerdict(undefined), { kind: 'pass' });
});

test('the plugin cannot change its verdict afterwards', () => {
  const given = { kind: 'pass', tests: ['A'], results: { a: 1 } };
  const taken = checkVerdict(given);
  given.tests.push('B');
  given.results.a = 2;
  assert.deepEqual(taken, { kind: 'pass', tests: ['A'], results: { a: 1 } });
});
