/** What reports say of the mail they are about, in the forms of many systems. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { readReturned } from '../../src/mail/returned-mail.ts';
import { corpusFiles, corpusMail, hasCorpus } from '../support/corpus.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { missing } from '../support/real-component.ts';

const ARF = `From: <fbl@big.example>\r
Message-ID: <report@big.example>\r
Content-Type: multipart/report; report-type=feedback-report; boundary=b\r
\r
--b\r
Content-Type: message/feedback-report\r
\r
Feedback-Type: Abuse\r
Original-Rcpt-To: <Eve@far.example>\r
Version: 1\r
--b\r
Content-Type: message/rfc822\r
\r
Received: from a by mx.example with ESMTP id 4K7QZ2M9XT.1; Mon\r
message-id:\r
 <one@sent.example>\r
\r
Feedback-Type: not-spam\r
--b--\r
`;

test('a complaint names the message it is about, not itself', () => {
  assert.deepEqual(readReturned(Buffer.from(ARF)), {
    messageIds: ['<one@sent.example>'],
    ids: ['4K7QZ2M9XT.1'],
    feedbackType: 'abuse',
    action: undefined,
    status: undefined,
    recipients: ['eve@far.example'],
  });
});

test('mail that a person passes on is no feedback report, whatever the spam in it says', () => {
  const passedOn = `Subject: Fwd: buy\r\n\r\n> Message-ID: <two@sent.example>\r\n>\r\nFeedback-Type: not-spam\r\n`;
  const { messageIds, feedbackType } = readReturned(Buffer.from(passedOn));
  assert.deepEqual(messageIds, ['<two@sent.example>']);
  assert.equal(feedbackType, undefined);
});

test('hostile reports are read in time, and not without end', () => {
  const lines = [
    ...[' ', '>', 'Message-ID:', 'Message-ID:\r\n ', 'id ', '5.1', 'Final-Recipient: rfc822; '],
    ...[`Message-ID: <${'a'.repeat(298)}`, `Final-Recipient: rfc822;${' '.repeat(300)}\r\n`],
  ];
  for (const line of lines) {
    const content = Buffer.from(`A: b\r\n\r\n${line.repeat(Math.ceil(300_000 / line.length))}`);
    const startedAt = cpuMs();
    readReturned(content);
    assert.ok(cpuMs() - startedAt < 2000, JSON.stringify(line.slice(0, 30)));
  }
  const many = Array.from({ length: 1000 }, (_, i) => `Message-ID: <${i}@sent.example>\r\n`);
  assert.equal(readReturned(Buffer.from(`A: b\r\n\r\n${many.join('')}`)).messageIds.length, 5);
});

test('the bounces of about eighty systems: whose mail it was, and that it failed', (t) => {
  if (!hasCorpus()) return missing(t, '../shared/corpus');
  const bounces = corpusFiles('dsn-sisimai/bsd', /^(?:lhost|rhost|rfc3464)/).map(corpusMail);
  const read = bounces.map(readReturned);
  const share = (fits: (one: (typeof read)[number]) => boolean) =>
    read.filter(fits).length / read.length;
  assert.ok(read.length > 250);
  // The others do not quote the header of what they mean.
  assert.ok(share(({ messageIds }) => messageIds.length > 0) > 0.85);
  assert.ok(share(({ status, action }) => (status ?? action) !== undefined) > 0.75);
  return undefined;
});
