/** A destination that hinders the gateway: told by log and alert, shown, with what to do about it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIL = 'Subject: one\r\n\r\nbody\r\n';

test('greylisting is told in words, by every way, and held against a later examination', async () => {
  const destination = await new Destination({
    rcpt: () => '450 4.2.0 Greylisted, see http://postgrey.example/',
  }).start();
  const gateway = await Gateway.run({
    node: 'queue: { retry: [1h] }\nalerts: { after: 0s, free_space: null }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    for (const to of ['anna', 'bert'])
      await sendMail(gateway.port(), 'a@b.example', [`${to}@example.org`], MAIL);
    const found = await gateway.event('dest.habit');
    assert.deepEqual([found['habit'], found['domains']], ['greylists', ['example.org']]);
    assert.match(
      (await gateway.cli('status')).stdout,
      /destinations to look at: \S+ \(greylists\)/,
    );
    assert.match((await gateway.cli('destination', 'list')).stdout, /,greylists /);
    const shown = await gateway.cli('destination', 'show', 'example.org');
    assert.match(shown.stdout, /^warning +for .*exempt the address of this gateway.*Greylisted/m);
    const raised = await gateway.event('alert.raise', () => true);
    assert.equal(raised['alert'], 'destination_hinders');
    destination.behaviour = {};
    const check = await gateway.cli('destination', 'check', 'example.org', '--json');
    assert.match(
      check.stdout,
      /"test":"greylist","status":"WARN","detail":"taken at the first try/,
    );
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a server that asks the gateway for a login keeps mail waiting, and its operator hears why', async () => {
  const destination = await new Destination({
    mail: () => '530 5.7.1 Client was not authenticated',
  }).start();
  const gateway = await Gateway.run({
    node: 'queue: { retry: [1s] }\nalerts: { after: 0s, free_space: null }',
    domains: {
      'example.org': domainFile(destination.port, { recipients: 'any' }),
      'example.net': domainFile(
        destination.port,
        { recipients: 'any', services: '[relay]' },
        'example.net',
      ),
    },
  });
  try {
    const send = (to: string) => sendMail(gateway.port(), 'a@b.example', [to], MAIL);
    assert.match(await send('anna@example.org'), /^250 2\.0\.0 Ok: \S+ queued/);
    assert.match(await send('bert@example.net'), /^450 4\.0\.0 .*said: Client was not auth/);
    const put = await gateway.event('rcpt.defer', (line) => line['to'] === 'anna@example.org');
    assert.deepEqual([put['code'], put['why']], [530, 'destination']);
    const found = await gateway.event('dest.habit');
    assert.equal(found['habit'], 'unprepared');
    const shown = await gateway.cli('destination', 'show', 'example.org');
    assert.match(shown.stdout, /^warning .*anonymous.*530 5\.7\.1 Client was not/m);
    destination.behaviour = {};
    await gateway.event('rcpt.sent', (line) => line['to'] === 'anna@example.org');
    assert.deepEqual(gateway.events('rcpt.fail'), gateway.events('rcpt.hold'));
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('greylisting without a word is told from what becomes of first tries', async () => {
  const firstAt = new Map<string, number>();
  let sender = '';
  const destination = await new Destination({
    mail: (line) => {
      sender = line;
      return '250 2.1.0 Ok';
    },
    rcpt: (recipient) => {
      const pair = `${sender} ${recipient}`;
      const since = firstAt.get(pair) ?? Date.now();
      firstAt.set(pair, since);
      const isKnown = recipient.startsWith('old') || Date.now() - since >= 10_000;
      return isKnown ? '250 2.1.5 Ok' : '451 4.7.1 Temporary failure';
    },
  }).start();
  const gateway = await Gateway.run({
    node: 'queue: { retry: [12s, 12s, 12s] }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    for (const to of ['old', 'anna', 'bert', 'carl', 'dora', 'emil'])
      await sendMail(gateway.port(), 'a@b.example', [`${to}@example.org`], MAIL);
    await until('all have got it', () => destination.arrived.length === 6, 60_000);
    const found = await gateway.event('dest.habit');
    assert.equal(found['habit'], 'greylists');
    assert.match(String(found['text']), /first time, and takes it later: 451 4\.7\.1 Temporary/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
