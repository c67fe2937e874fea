/** Mail that a filter exempts from the judgement of spam: what still counts, and what a proof opens. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Verdict } from '../../src/mail/verdict.ts';
import { conclude } from '../../src/mail/verdict.ts';
import { exempted } from '../../src/plugin-host/exemption.ts';

type Said = Parameters<typeof exempted>[0][number];

const SPAM: Said = {
  service: 'spam',
  verdict: { kind: 'refuse', reason: 'spam', text: 'Spam', score: 9 },
};
const VIRUS: Said = {
  service: 'virus',
  verdict: { kind: 'refuse', reason: 'virus', text: 'Eicar', score: 3 },
};
const PROVEN: Said = { service: undefined, verdict: { kind: 'pass', senderProven: true } };
const POINTS: Said = {
  service: undefined,
  verdict: { kind: 'pass', score: 5, unlessProven: { kind: 'pass', score: 7, tests: ['DOUBT'] } },
};

function exempt(spamExempt: 'always' | 'if-proven'): Said {
  return { service: undefined, verdict: { kind: 'pass', spamExempt } };
}

function concluded(...said: readonly Said[]): Verdict {
  return conclude(exempted(said, false), false);
}

test('without an exemption everything counts', () => {
  assert.equal(concluded(SPAM).kind, 'refuse');
  assert.equal(concluded(POINTS).score, 12);
});

test('an exemption leaves no spam and no score', () => {
  const verdict = concluded(exempt('always'), SPAM, POINTS);
  assert.deepEqual([verdict.kind, verdict.score, verdict.tests], ['pass', undefined, ['DOUBT']]);
});

test('an exemption never covers a virus', () => {
  const verdict = concluded(exempt('always'), PROVEN, VIRUS);
  assert.deepEqual([verdict.kind, verdict.score], ['refuse', undefined]);
});

test('an exemption for who is proven waits for the proof', () => {
  assert.equal(concluded(exempt('if-proven'), SPAM).kind, 'refuse');
  assert.equal(concluded(exempt('if-proven'), SPAM, PROVEN).kind, 'pass');
  assert.equal(conclude(exempted([exempt('if-proven'), SPAM], true), true).kind, 'pass');
});
