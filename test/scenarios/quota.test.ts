/** Quotas of the queue through the running program: 452 for what must wait, nothing else changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIL = `Subject: x\r\n\r\n${'y'.repeat(70)}\r\n`;

test('a domain over its quota is put off, the others are not, and all is well after', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.run({
    node: 'queue: { retry: [1s], probe: 200ms, max_messages: 4 }',
    domains: {
      'example.org': domainFile(destination.port, { queue: '{ max_messages: 2 }' }),
      'example.net': domainFile(destination.port, {}, 'example.net'),
    },
  });
  try {
    const send = (to: string) => sendMail(gateway.port(), 'a@b.example', [to], MAIL);
    for (let n = 0; n < 2; n++) assert.match(await send('anna@example.org'), /^250 .* queued/);
    assert.match(await send('anna@example.org'), /^452 4\.2\.2 .*quota/);
    for (let n = 0; n < 2; n++) assert.match(await send('otto@example.net'), /^250 .* queued/);
    assert.match(await send('otto@example.net'), /^452 4\.3\.1 .*quota/, 'the node is full');
    const refused = await gateway.event('smtp.reject.rcpt', ({ why }) => why === 'quota');
    assert.equal(refused['code'], 452);

    await gateway.stop();
    await gateway.start();
    assert.match(await send('anna@example.org'), /^452 4\.2\.2 .*quota/, 'after a restart too');

    await destination.start();
    await until('the queue is delivered', () => destination.arrived.length === 4, 20_000);
    const sent = async () => /^250/.test(await send('anna@example.org'));
    await until('there is room again', sent, 20_000);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a quota of nothing: mail passes while the destination is up', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    domains: {
      'example.org': domainFile(destination.port, {
        queue: '{ max_bytes: 0B, max_messages: 500, retry: [2m, 90m], lifetime: 2d }',
      }),
      'example.net': domainFile(destination.port, {}, 'example.net'),
    },
  });
  try {
    const shown = (await gateway.cli('domain', 'show', 'example.org')).stdout;
    assert.match(shown, /^quota +500 messages, 0 B\nretry +2m, 1h30m\nlifetime +2d$/m);
    const other = (await gateway.cli('domain', 'show', 'example.net')).stdout;
    assert.match(other, /^quota +-\nretry +1m, 5m, 10m, 20m, 40m, 1h\nlifetime +5d$/m);
    const send = () => sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], MAIL);
    assert.match(await send(), /^250 .* delivered/);
    destination.behaviour = { final: () => '451 4.3.0 later' };
    assert.match(await send(), /^452 4\.2\.2 .*quota/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
