/** A destination that takes fewer connections than it is configured to get: a real Postfix. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { Postfix, postfixMissing } from '../support/postfix.ts';
import { missing } from '../support/real-component.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MESSAGES = 250;
const CONTENT = 'Subject: x\r\n\r\nhello\r\n';
const LIMIT = `smtpd_client_connection_count_limit = 3
smtpd_client_event_limit_exceptions =`;

test('a drain over fewer connections than are allowed puts no message off', async (t) => {
  const lacks = postfixMissing();
  if (lacks !== undefined) {
    missing(t, lacks);
    return;
  }
  const postfix = await Postfix.start('example.org', undefined, LIMIT);
  const gateway = await Gateway.run({ domains: { 'example.org': domainFile(postfix.port) } });
  const sent = () => gateway.lines.filter(({ evt }) => evt === 'rcpt.sent').length;
  try {
    assert.equal((await gateway.cli('destination', 'hold', 'example.org')).code, 0);
    const talk = await SmtpTalk.greeted(gateway.port());
    for (let at = 0; at < MESSAGES; at++) {
      const reply = await talk.send('sender@client.example', ['anna@example.org'], CONTENT);
      assert.match(reply, /^250 /);
    }
    assert.equal((await gateway.cli('destination', 'resume', 'example.org')).code, 0);
    await until('all are there', () => sent() === MESSAGES, 60_000);
    assert.deepEqual(
      gateway.lines.filter(({ evt, text }) => evt === 'rcpt.defer' && /421/.test(String(text))),
      [],
    );
    assert.ok(postfix.log().includes('limit exceeded'), 'and it has refused some');
  } finally {
    await gateway.remove();
    postfix.stop();
  }
});
