/** The recipient memory at work: filled before an outage, taught by deliveries, true after it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const QUICK = 'queue: { retry: [1s, 2s], probe: 1s }';
const MAIL = 'Subject: x\r\n\r\nx\r\n';
const UNKNOWN = '550 5.1.1 no such user';

test('recipients imported before an outage get their mail, exported ones come back as they were', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: {
      'example.org': domainFile(destination.port, { recipients: 'callout' }),
      'listed.test': domainFile(1, { recipients: '{ list: [a@listed.test] }' }, 'listed.test'),
    },
  });
  const send = (to: string) => sendMail(gateway.port(), 'a@b.example', [to], MAIL);
  try {
    const file = join(gateway.folder, 'people.txt');
    await writeFile(
      file,
      '# staff\nAnna@example.org\nbert@example.org # moved\nx@listed.test\nx@elsewhere.example\nnonsense\n',
    );
    const imported = await gateway.cli('recipient', 'import', file);
    assert.equal(imported.stdout, '2 imported, 3 not\n');
    assert.equal(imported.code, 1);
    assert.match(imported.stderr, /x@listed\.test is of a domain whose recipients stand in a list/);
    assert.match(imported.stderr, /nonsense is no address/);
    assert.match(await send('anna@example.org'), /^250 .* queued/);
    assert.match(await send('zoe@example.org'), /^451 4\.1\.1/);
    const exported = await gateway.cli('recipient', 'export');
    assert.match(exported.stdout, /^anna@example\.org {2}# imported /m);
    assert.equal(exported.stdout.split('\n').length, 3);
    const pin = await gateway.cli('recipient', 'pin', 'a@listed.test');
    assert.deepEqual([pin.code, /not asked for/.test(pin.stderr)], [64, true]);
  } finally {
    await gateway.remove();
  }
});

test('a queued message that is delivered or refused teaches who is there', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: {
      'example.org': domainFile(destination.port, { recipients: 'callout', outage: 'accept' }),
    },
  });
  const send = (to: string) => sendMail(gateway.port(), 'a@b.example', [to], MAIL);
  try {
    assert.match(await send('anna@example.org'), /^250 .* queued/);
    assert.match(await send('gone@example.org'), /^250 .* queued/);
    destination.behaviour = { rcpt: (to) => (to.startsWith('gone') ? UNKNOWN : '250 2.1.5 Ok') };
    await destination.start();
    await gateway.event('rcpt.sent');
    await gateway.event('rcpt.hold');
    const list = await until('both to be remembered', async () => {
      const { stdout } = await gateway.cli('recipient', 'list', '--json');
      return stdout.split('\n').length === 3 && stdout;
    });
    assert.match(list, /"anna@example\.org","answer":"known","origin":"delivered"/);
    assert.match(list, /"gone@example\.org","answer":"unknown"/);
    const asked = destination.rcptAsked.length;
    assert.match(await send('gone@example.org'), /^550 5\.1\.1 .*unknown_rcpt/);
    assert.equal(destination.rcptAsked.length, asked, 'nobody had to be asked');
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('who guesses addresses over many sessions is sent away for now, unless exempt', async () => {
  const destination = await new Destination({
    rcpt: (to) => (to.startsWith('anna') ? '250 2.1.5 Ok' : UNKNOWN),
  }).start();
  const gateway = await Gateway.run({
    node: 'limits: { unknown_recipients_per_hour: 10 }',
    domains: { 'example.org': domainFile(destination.port, { recipients: 'callout' }) },
  });
  const send = (to: string) => sendMail(gateway.port(), 'a@b.example', [to], MAIL);
  try {
    const guesses = Array.from({ length: 12 }, (_, n) => send(`guess${n}@example.org`));
    assert.ok((await Promise.all(guesses)).every((reply) => /^(550 5\.1\.1|421)/.test(reply)));
    assert.match(await send('anna@example.org'), /^421 4\.7\.0 .*\(rate\)/);
    const abuse = await gateway.event('smtp.reject.abuse');
    assert.deepEqual([abuse['ip'], abuse['why']], ['127.0.0.1', 'rate']);
    await gateway.configure({
      node: 'limits: { unknown_recipients_per_hour: 10, harvest_exempt: ["127.0.0.0/8"] }',
    });
    assert.equal((await gateway.cli('reload')).code, 0);
    assert.match(await send('anna@example.org'), /^250/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
