/** Real mail through real scanners into a real Postfix: what is accepted arrives byte for byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { corpusFiles, hasCorpus, sample } from '../support/corpus.ts';
import { runCorpus } from '../support/corpus-run.ts';
import { postfixMissing } from '../support/postfix.ts';
import { missing } from '../support/real-component.ts';

test('a sample of ham and spam: every accepted message arrives as it was sent', async (t) => {
  const lacks = hasCorpus() ? postfixMissing() : 'the mail corpus in ../shared/corpus';
  if (lacks !== undefined) {
    missing(t, lacks);
    return;
  }
  const files = [
    ...sample(corpusFiles('sa-public-corpus/ham'), 20),
    ...sample(corpusFiles('sa-public-corpus/ham-hard'), 5),
    ...sample(corpusFiles('sa-public-corpus/spam'), 15),
    ...sample(corpusFiles('mime-mimekit', /\.(eml|msg|txt)$/), 5),
    ...sample(corpusFiles('mime-stalwart', /\.eml$/), 10),
  ];
  const report = await runCorpus(files, { sessions: 4 });
  t.diagnostic(JSON.stringify(report.replies));
  assert.deepEqual(report.altered, []);
  assert.deepEqual(report.unanswered, []);
  assert.equal(report.scanErrors, 0);
  assert.ok((report.replies['250'] ?? 0) >= 25, JSON.stringify(report.replies));
});
