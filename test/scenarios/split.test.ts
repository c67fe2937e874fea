/** A split domain: the first server that knows a recipient is his route, also for what waits. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIL = 'Subject: x\r\n\r\nx\r\n';
const UNKNOWN = '550 5.1.1 no such user';

test('two servers of one domain: asked in order, remembered, kept in outages, and a mailbox that moves', async () => {
  const people = { old: new Set(['anna', 'moves']), young: new Set(['bert', 'both', 'anna']) };
  const serverOf = (there: ReadonlySet<string>, unsure = new Set<string>()) =>
    new Destination({
      rcpt: (to) => {
        const local = to.split('@')[0] ?? '';
        if (unsure.has(local)) return '451 4.7.1 later';
        return there.has(local) ? '250 2.1.5 Ok' : UNKNOWN;
      },
    });
  const unsure = new Set(['doubt']);
  const old = await serverOf(people.old, unsure).start();
  const young = await serverOf(people.young).start();
  people.young.add('doubt');
  const gateway = await Gateway.run({
    node: 'queue: { retry: [1s, 2s], probe: 1s }',
    domains: {
      'example.org': domainFile(1, {
        destination: `{ split: ['127.0.0.1:${old.port}', '127.0.0.1:${young.port}'] }`,
        recipients: 'callout',
      }),
    },
  });
  const send = (to: string) => sendMail(gateway.port(), 'a@b.example', [`${to}@example.org`], MAIL);
  // What is learnt is written beside the answer, so the next session might be there before it.
  const forgotten = () =>
    until('nobody to be known to have him', async () => {
      const known = await gateway.cli('recipient', 'list', 'moves', '--answer', 'known');
      return !known.stdout.includes('moves@example.org');
    });
  const got = (server: Destination) => server.arrived.map(({ to }) => to[0]?.split('@')[0]);
  try {
    assert.match(await send('anna'), /^250 .* delivered/, 'the first that knows her');
    assert.match(await send('bert'), /^250 .* delivered/);
    assert.match(await send('zoe'), /^550 5\.1\.1 .*unknown_rcpt/, 'nobody knows her');
    assert.match(await send('doubt'), /^451 4\.1\.1/, 'no skipping ahead to a wrong home');
    assert.deepEqual([got(old), got(young)], [['anna'], ['bert']]);

    const talk = await SmtpTalk.greeted(gateway.port());
    await talk.say('MAIL FROM:<a@b.example>');
    assert.match(await talk.say('RCPT TO:<anna@example.org>'), /^250/);
    assert.match(await talk.say('RCPT TO:<bert@example.org>'), /^452 4\.5\.3/);
    await talk.quit();

    const shown = await gateway.cli('recipient', 'show', 'bert@example.org');
    assert.match(shown.stdout, new RegExp(`destination +127\\.0\\.0\\.1:${young.port}\\n`));
    const pin = await gateway.cli('recipient', 'pin', 'pinned@example.org');
    assert.match(pin.stderr, /--server/);

    // Down: who is remembered is queued for his own server, and it alone.
    await young.stop();
    assert.match(await send('bert'), /^250 .* queued/);
    assert.match(await send('both'), /^451 4\.1\.1/);
    assert.match(await send('anna'), /^250 .* delivered/);
    await young.start();
    await until('it to arrive', () => got(young).length === 2);

    // From one gateway to another, with the server each is on.
    const exported = await gateway.cli('recipient', 'export');
    assert.match(
      exported.stdout,
      new RegExp(`^bert@example.org 127\\.0\\.0\\.1:${young.port}  #`, 'm'),
    );
    const list = join(gateway.folder, 'people.txt');
    writeFileSync(list, `carl@example.org 127.0.0.1:${young.port}\ndora@example.org\n`);
    const imported = await gateway.cli('recipient', 'import', list);
    assert.match(imported.stderr, /dora@example\.org is of a split domain: name its server/);
    assert.equal(imported.stdout, '1 imported, 1 not\n');
    const carl = await gateway.cli('recipient', 'show', 'carl@example.org');
    assert.match(carl.stdout, /^remembered +known \(imported\)/m);

    // Moved: refused at the old place, asked for everywhere, found at the new one.
    assert.match(await send('moves'), /^250 .* delivered/);
    people.old.delete('moves');
    people.young.add('moves');
    assert.match(await send('moves'), /^451 4\.1\.1/, 'not refused for good');
    await forgotten();
    assert.match(await send('moves'), /^250 .* delivered/);
    assert.equal(got(young).at(-1), 'moves');
    // And back at once, to a server that has just said that it does not know him.
    people.young.delete('moves');
    people.old.add('moves');
    assert.match(await send('moves'), /^451 4\.1\.1/);
    await forgotten();
    unsure.add('moves');
    assert.match(await send('moves'), /^451 4\.1\.1/, 'what it said before does not count');
    unsure.delete('moves');
    assert.match(await send('moves'), /^250 .* delivered/);
    people.old.delete('moves');
    people.young.add('moves');
    assert.match(await send('moves'), /^451 4\.1\.1/);
    await forgotten();
    assert.match(await send('moves'), /^250 .* delivered/);

    // The same while mail for him waits.
    await young.stop();
    assert.match(await send('moves'), /^250 .* queued/);
    people.young.delete('moves');
    people.old.add('moves');
    await young.start();
    await until('it to arrive at home', () => got(old).filter((to) => to === 'moves').length === 3);
    await until('the queue to be empty', async () => {
      const queue = await gateway.cli('queue', 'list', '--json');
      return queue.stdout.trim() === '';
    });
  } finally {
    await gateway.remove();
    await old.stop();
    await young.stop();
  }
});

test('the quota of a split domain is for all its servers', async () => {
  const gateway = await Gateway.run({
    node: 'queue: { probe: 1h }',
    domains: {
      'example.org': domainFile(1, {
        destination: "{ split: ['127.0.0.1:1', '127.0.0.1:2'] }",
        recipients: 'callout',
        queue: '{ max_messages: 2 }',
      }),
    },
  });
  const list = join(gateway.folder, 'people.txt');
  writeFileSync(list, 'anna@example.org 127.0.0.1:1\nbert@example.org 127.0.0.1:2\n');
  const send = (to: string) => sendMail(gateway.port(), 'a@b.example', [`${to}@example.org`], MAIL);
  try {
    await gateway.cli('recipient', 'import', list);
    assert.match(await send('anna'), /^250 .* queued/);
    assert.match(await send('bert'), /^250 .* queued/);
    assert.match(await send('anna'), /^452 4\.\d\.\d .*quota/);
    assert.match(await send('bert'), /^452 4\.\d\.\d .*quota/);
  } finally {
    await gateway.remove();
  }
});
