/** Bounces come back to tagged addresses: a list knows the mailbox, the destination gets the tag. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';

const TAG = 'prvs=1234abcdef=';

test('a bounce to a tagged address of a listed mailbox reaches it with its tag', async () => {
  const destination = await new Destination().start();
  const recipients = '{ list: [anna@example.org] }';
  const gateway = await Gateway.run({
    domains: { 'example.org': domainFile(destination.port, { recipients }) },
  });
  const send = (from: string, to: string) =>
    sendMail(gateway.port(), from, [to], 'Subject: x\r\n\r\nx\r\n');
  try {
    assert.match(await send('', `${TAG}anna@example.org`), /^250/);
    const [arrived] = destination.arrived;
    assert.match(JSON.stringify(arrived), /prvs=1234abcdef=anna@example\.org/);
    assert.match(await send('', `${TAG}eva@example.org`), /^550 5\.1\.1/);
    // Nobody writes to a tag but who answers to a reverse-path.
    assert.match(await send('x@sender.test', `${TAG}anna@example.org`), /^550 5\.1\.1/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
