/** Judgement: thresholds and wishes of the domain against what the filters found. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { formatReply } from '../../src/mail/reply.ts';
import type { Verdict } from '../../src/mail/verdict.ts';
import { combine } from '../../src/mail/verdict.ts';
import { judge, judgeAccepted } from '../../src/pipeline/judge.ts';

const DOMAIN = { spam: { tag: 5, quarantine: 8, reject: 12 }, virus: 'reject' } as const;
const MARKED = { ...DOMAIN.spam, subjectTag: '[SPAM]' };
const VIRUS: Verdict = { kind: 'refuse', reason: 'virus', text: 'Eicar', detail: '7.1' };

function outcome(verdict: Verdict, virus: 'reject' | 'quarantine' = 'reject'): string {
  const judgement = judge(verdict, { ...DOMAIN, virus });
  if (judgement.kind === 'refuse') return formatReply(judgement.reply).trimEnd();
  return judgement.kind;
}

test('scores meet the thresholds of the domain, each from its value on', () => {
  const kinds = [4.9, 5, 7.9, 8, 11.9].map((score) => outcome({ kind: 'pass', score }));
  assert.deepEqual(kinds, ['clean', 'clean', 'clean', 'quarantine', 'quarantine']);
  assert.equal(
    outcome({ kind: 'pass', score: 12 }),
    '550 5.7.1 Message looks like spam, score 12.0 (spam)',
  );
});

test('tag and score are fields on top of the filters own', () => {
  const fields = (score: number) => {
    const judgement = judge({ kind: 'pass', score, fields: [{ name: 'X-A', value: 'b' }] }, DOMAIN);
    return judgement.kind === 'clean' ? judgement.fields.map((field) => field.name) : [];
  };
  assert.deepEqual(fields(4.9), ['X-Sluice-Score', 'X-A']);
  assert.deepEqual(fields(5), ['X-Spam-Flag', 'X-Sluice-Score', 'X-A']);
});

test('what is kept back has its score and no mark for mailboxes: a person decides on it', () => {
  const judgement = judge({ kind: 'pass', score: 8 }, { ...DOMAIN, spam: MARKED });
  assert.equal(judgement.kind, 'quarantine');
  if (judgement.kind !== 'quarantine') return;
  assert.deepEqual(judgement.fields, [{ name: 'X-Sluice-Score', value: '8.0' }]);
  assert.ok(!('subjectTag' in judgement));
  const tagged = judge({ kind: 'pass', score: 7 }, { ...DOMAIN, spam: MARKED });
  assert.equal(tagged.kind === 'clean' && tagged.subjectTag, '[SPAM]');
});

test('of several scanners there is one score and one list of tests under each name', () => {
  const scanner = (score: number, test: string): Verdict => ({
    ...{ kind: 'pass', score, tests: [test] },
    fields: [
      { name: 'X-Spam-Score', value: score.toFixed(1) },
      { name: 'X-Spam-Tests', value: test },
    ],
  });
  const fieldsOf = (...verdicts: Verdict[]) => {
    const judgement = judge(combine(verdicts), DOMAIN);
    assert.equal(judgement.kind, 'clean');
    if (judgement.kind !== 'clean') return [];
    const found = judgement.fields.filter(({ name }) => name.startsWith('X-Spam-'));
    return found.map(({ name, value }) => `${name}: ${value}`);
  };
  const list: Verdict = { kind: 'pass', score: 0.5, tests: ['LIST'] };
  assert.deepEqual(fieldsOf(scanner(1, 'A'), list), ['X-Spam-Score: 1.0', 'X-Spam-Tests: A']);
  assert.deepEqual(fieldsOf(scanner(1, 'A'), scanner(2, 'B'), list), [
    'X-Spam-Score: 3.5',
    'X-Spam-Tests: A, B, LIST',
  ]);
});

test('a virus is refused, or held where the domain wants it so', () => {
  assert.equal(outcome(VIRUS), '554 5.7.1 Message contains Eicar (virus)');
  assert.equal(outcome(VIRUS, 'quarantine'), 'quarantine');
});

test('a scanner that could not answer puts the message off', () => {
  const verdict: Verdict = { kind: 'defer', reason: 'scanner_down', text: 'x' };
  assert.match(outcome(verdict), /^451 4\.7\.1 .*\(scanner_down\)$/);
});

test('of several verdicts the most severe wins and every score counts', () => {
  const spam: Verdict = { kind: 'pass', score: 7, tests: ['A'], results: { a: 1 } };
  const more: Verdict = { kind: 'pass', score: 6, tests: ['B'], results: { b: 2 } };
  const both = combine([spam, more]);
  assert.deepEqual([both.score, both.tests, both.results], [13, ['A', 'B'], { a: 1, b: 2 }]);
  const defer: Verdict = { kind: 'defer', reason: 'scanner_down', text: 'x' };
  assert.equal(combine([defer, VIRUS, spam]).kind, 'refuse');
  assert.equal(combine([spam, defer]).kind, 'defer');
  assert.match(
    outcome(combine([{ kind: 'discard', reason: 'policy', text: 'x' }, spam, more])),
    /^550/,
  );
});

test('a filter cannot write a reply of its own making', () => {
  const verdict: Verdict = {
    kind: 'refuse',
    reason: 'policy',
    text: 'a\r\n250 ok',
    detail: '9\r\n1',
  };
  assert.equal(outcome(verdict), '550 5.7.1 a 250 ok (policy)');
});

test('of what was accepted nothing is refused any more: it is for a person', () => {
  const late = (verdict: Verdict) => {
    const judgement = judgeAccepted(verdict, DOMAIN);
    return judgement === 'later' || judgement.kind === 'clean'
      ? judgement
      : [judgement.reason, judgement.text];
  };
  assert.deepEqual(late(VIRUS), ['virus', 'Eicar']);
  assert.deepEqual(late({ kind: 'pass', score: 99 }), [
    'spam',
    'Message looks like spam, score 99.0',
  ]);
  assert.deepEqual(late({ kind: 'discard', reason: 'policy', text: 'away' }), ['policy', 'away']);
  assert.equal(late({ kind: 'defer', reason: 'scanner_down', text: 'no' }), 'later');
  const tagged = { kind: 'clean', fields: [{ name: 'X-Sluice-Score', value: '1.0' }] };
  assert.deepEqual(late({ kind: 'pass', score: 1 }), tagged);
});
