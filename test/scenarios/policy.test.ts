/** The shipped policy refuses no ham of the corpus, and does something about most of the spam. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCorpus, sample } from '../support/corpus.ts';
import { labelledMails, runPolicy } from '../support/policy-run.ts';
import { missing } from '../support/real-component.ts';
import { missingScanners } from '../support/real-scanners.ts';

test('a sample of ham gets through the shipped policy, and half the spam does not unmarked', async (t) => {
  const lacks = hasCorpus() ? missingScanners() : 'the mail corpus in ../shared/corpus';
  if (lacks !== undefined) return missing(t, lacks);
  const { ham, spam } = labelledMails();
  const judged = await runPolicy({ ham: sample(ham, 24), spam: sample(spam, 12) }, { sessions: 4 });
  assert.equal(judged.length, 36);
  const against = judged.filter(({ kind, fate }) => kind === 'ham' && fate !== 'passed');
  assert.deepEqual(
    against.filter(({ fate }) => fate !== 'tagged'),
    [],
    'nobody loses mail',
  );
  assert.ok(against.length <= 1, JSON.stringify(against));
  const caught = judged.filter(({ kind, fate }) => kind === 'spam' && fate !== 'passed');
  assert.ok(caught.length >= 6, `${caught.length} of 12`);
});
