/** The recipient memory at work: filled before an outage, taught by deliveries, true after it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, sendMail } from '../support/smtp-talk.ts';
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
    const others = 'bert@example.org # moved\nx@listed.test\nx@elsewhere.example\nnonsense\n';
    const inLatin1 = Buffer.from('jörg@example.org\n', 'latin1');
    const long = `${'x'.repeat(2_000_000)}\n${'\u0001'.repeat(900)}\n`.concat(
      `${'\u0001'.repeat(900)}\n`.repeat(400),
      `${'人'.repeat(900)}\n`.repeat(500),
    );
    await writeFile(
      file,
      Buffer.concat([
        Buffer.from(`# staff\nAnna@example.org\n${others}`),
        inLatin1,
        Buffer.from(long),
      ]),
    );
    const imported = await gateway.cli('recipient', 'import', file);
    assert.equal(imported.stdout, '2 imported, 906 not\n');
    assert.equal(imported.code, 1);
    assert.match(imported.stderr, /x@listed\.test is of a domain whose recipients stand in a list/);
    assert.match(imported.stderr, /nonsense is no address/);
    assert.match(imported.stderr, /j\uFFFDrg@example\.org is not in UTF-8/);
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

test('an import takes quoted addresses whole, each once, and says which words behind them count for nothing', async () => {
  const gateway = await Gateway.run({
    node: 'queue: { probe: 1h }',
    domains: {
      'example.org': domainFile(1, { recipients: 'callout', aliases: '[example.com]' }),
    },
  });
  try {
    const file = join(gateway.folder, 'people.txt');
    const lines = [
      String.raw`"a b"@example.org # with a blank`,
      String.raw`"c #  \" d"@example.org 127.0.0.1:1`,
      '"e f@example.org',
      'anna@example.org',
      'Anna@example.org known',
      'anna@example.com',
      'bert@example.org 127.0.0.1:9',
      '# nobody@example.org',
      'gone@example.org unknown',
    ];
    await writeFile(file, lines.map((line) => `${line}\n`).join(''));
    const imported = await gateway.cli('recipient', 'import', file);
    assert.equal(imported.stdout, '4 imported, 1 not, 2 named again\n');
    assert.deepEqual(imported.stderr.trim().split('\n'), [
      'sluice: "e is no address',
      'sluice: bert@example.org is imported, but the word behind it is no server of its domain, which is not split',
    ]);
    const again = await gateway.cli('recipient', 'import', file, '--json');
    assert.equal(again.stdout, '{"v":1,"kind":"import","imported":4,"refused":1,"doubles":2}\n');
    const exported = await gateway.cli('recipient', 'export');
    const known = exported.stdout.trim().split('\n');
    const addresses = known.map((line) => line.replace(/ {2}# .*$/, ''));
    assert.deepEqual(addresses.toSorted(), [
      String.raw`"a b"@example.org`,
      String.raw`"c #  \" d"@example.org`,
      'anna@example.org',
      'bert@example.org',
    ]);
    await writeFile(file, exported.stdout);
    const back = await gateway.cli('recipient', 'import', file);
    assert.deepEqual([back.code, back.stdout, back.stderr], [0, '4 imported, 0 not\n', '']);
    const mail = await sendMail(gateway.port(), 'a@b.example', ['"a b"@example.org'], MAIL);
    assert.match(mail, /^250 .* queued/);
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

test('a destination that takes everybody is found out, and its word counts for nothing in an outage', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port, { recipients: 'callout' }) },
  });
  const asked = async (to: string) => {
    const talk = await SmtpTalk.greeted(gateway.port());
    await talk.say('MAIL FROM:<a@b.example>');
    const reply = await talk.say(`RCPT TO:<${to}>`);
    await talk.quit();
    return reply;
  };
  try {
    assert.match(await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], MAIL), /^250/);
    const found = await gateway.event('dest.habit');
    assert.deepEqual([found['habit'], found['domains']], ['accepts_all', ['example.org']]);
    assert.match(await asked('bert@example.org'), /^250/);
    const shown = await gateway.cli('destination', 'show', 'example.org');
    assert.match(shown.stdout, /^warning +example\.org: takes every recipient at RCPT/m);
    assert.match((await gateway.cli('destination', 'list')).stdout, /up,accepts_all/);

    await destination.stop();
    assert.match(await asked('bert@example.org'), /^451 4\.1\.1/, 'nobody knows him');
    assert.match(await asked('anna@example.org'), /^250/, 'her mail was taken');

    await destination.start();
    destination.behaviour = { rcpt: () => UNKNOWN };
    assert.match(await asked('zoe@example.org'), /^550 5\.1\.1/);
    await gateway.event('dest.habit', (line) => line.level === 'info');
    assert.doesNotMatch((await gateway.cli('destination', 'list')).stdout, /accepts_all/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a destination that refuses recipients only after the content is found out', async () => {
  const destination = await new Destination({
    rcpt: (to) => (to.startsWith('check-') ? UNKNOWN : '250 2.1.5 Ok'),
    final: ({ to }) => (to.includes('gone@example.org') ? UNKNOWN : '250 2.0.0 Ok'),
  }).start();
  const gateway = await Gateway.run({
    domains: { 'example.org': domainFile(destination.port, { recipients: 'callout' }) },
  });
  const send = (...to: string[]) => sendMail(gateway.port(), 'a@b.example', to, MAIL);
  try {
    assert.match(await send('anna@example.org', 'gone@example.org'), /^550 5\.1\.1/);
    const found = await gateway.event('dest.habit');
    assert.equal(found['habit'], 'refuses_late');
    assert.match(await send('anna@example.org'), /^250/, 'it was not about her');
    assert.match(await send('gone@example.org'), /^550 5\.1\.1 .*said/);
    await until('it is remembered', async () =>
      /^550 5\.1\.1 .*unknown_rcpt/.test(await send('gone@example.org')),
    );
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
