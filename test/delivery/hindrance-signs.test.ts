/** Greylisting and limits are told from other refusals, by the words of real servers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hindranceIn } from '../../src/delivery/hindrance-signs.ts';
import { hasCorpus } from '../support/corpus.ts';
import { labelledReplies, measure } from '../support/labelled-replies.ts';
import { missing } from '../support/real-component.ts';

const OF_SERVERS: readonly (readonly [string, number, string, string | undefined])[] = [
  [
    'greylists',
    450,
    'a@b.example: Recipient address rejected: Greylisted, see http://x.test',
    '4.2.0',
  ],
  ['greylists', 451, 'Greylisting in action, please come back in 00:05:00', '4.7.1'],
  ['greylists', 450, 'Service currently unavailable', '4.3.2'],
  ['greylists', 421, 'Your address has been graylisted. Try again later.', undefined],
  ['greylists', 451, 'Temporary failure, please try again later.', undefined],
  ['limits', 421, 'mx.test Error: too many connections from 192.0.2.1', '4.7.0'],
  ['limits', 450, 'Error: too much mail from 192.0.2.1', '4.7.1'],
  ['limits', 450, 'Error: too many recipients from 192.0.2.1', '4.7.1'],
  ['limits', 421, 'Too many concurrent SMTP connections; please try again later.', undefined],
  ['limits', 421, 'Too many concurrent SMTP connections from this IP address', undefined],
  [
    'limits',
    421,
    'Message submission rate for this client has exceeded the configured limit',
    '4.4.2',
  ],
  [
    'limits',
    421,
    'The maximum number of concurrent connections has exceeded a limit, closing transmission channel',
    '4.3.2',
  ],
  ['limits', 421, 'we have had enough', '4.7.28'],
  ['unprepared', 530, 'Must issue a STARTTLS command first', '5.7.0'],
  ['unprepared', 503, 'AUTH first', undefined],
  ['unprepared', 502, 'Command not implemented', '5.5.1'],
  ['neither', 501, 'Bad sender address syntax', '5.1.7'],
  ['neither', 452, 'Insufficient system resources', '4.3.1'],
  ['neither', 421, 'Service not available, closing transmission channel', '4.3.2'],
  ['neither', 452, 'Too many recipients', '4.5.3'],
  ['neither', 451, 'Temporary lookup failure', '4.3.0'],
  ['neither', 450, 'a@b.example: Recipient address rejected: unverified address', '4.1.1'],
  ['neither', 550, 'greylist.example is not known here', '5.1.1'],
  ['neither', 250, 'greylisting is over', '2.0.0'],
];

test('the words of common servers', () => {
  for (const [label, code, line, enhanced] of OF_SERVERS) {
    const reply = { code, lines: [line], ...(enhanced !== undefined && { enhanced }) };
    assert.equal(hindranceIn(reply) ?? 'neither', label, line);
  }
});

test('over the labelled replies of the corpus: precision and recall of at least 0.9', (t) => {
  if (!hasCorpus()) return missing(t, 'the mail corpus in ../shared/corpus');
  const all = labelledReplies();
  for (const label of ['greylists', 'limits'] as const) {
    const { replies, right, precision, recall } = measure(all, label);
    t.diagnostic(
      `${label}: ${right} of ${replies} found among ${all.length}, ` +
        `precision ${precision.toFixed(2)}, recall ${recall.toFixed(2)}`,
    );
    assert.ok(precision >= 0.9 && recall >= 0.9, `${label}: ${precision}, ${recall}`);
  }
});
