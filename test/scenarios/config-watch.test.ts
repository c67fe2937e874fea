/** Files of the configuration that change are in force by themselves, and never in a broken state. */
import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';

const MAIL = 'Subject: x\r\n\r\nx\r\n';
const addresses = (count: number) =>
  Array.from({ length: count }, (_, n) => `user${n}@example.org\n`).join('');

test('a domain file, a list and a new domain are in force soon after they are written', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.make({
    node: 'reload: watch',
    domains: {
      'example.org': domainFile(destination.port, { recipients: '{ file: ../people.txt }' }),
    },
  });
  const people = join(gateway.folder, 'people.txt');
  const reloads = () => gateway.events('cfg.reload').length;
  const send = (to: string) => sendMail(gateway.port(), 'a@b.example', [to], MAIL);
  try {
    await writeFile(people, 'anna@example.org\n');
    await gateway.start();
    assert.match(await send('bert@example.org'), /^550 5\.1\.1/);

    await writeFile(`${people}.new`, 'anna@example.org\nbert@example.org\n');
    await rename(`${people}.new`, people);
    assert.equal((await gateway.event('cfg.reload'))['by'], 'watch');
    assert.match(await send('bert@example.org'), /^250/);

    const half = domainFile(destination.port, {}, 'example.net').slice(0, 40);
    await gateway.configure({ domains: { 'example.net': half } });
    await gateway.event('cfg.error');
    assert.match(await send('bert@example.org'), /^250/, 'what was in force still is');
    assert.equal(reloads(), 1);

    await gateway.configure({
      domains: { 'example.net': domainFile(destination.port, {}, 'example.net') },
    });
    await gateway.event('cfg.reload', () => reloads() === 2);
    assert.match(await send('carl@example.net'), /^250/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a list that lost most of its addresses is taken only when somebody asks for it', async () => {
  const gateway = await Gateway.make({
    node: 'reload: watch',
    domains: { 'example.org': domainFile(1, { recipients: '{ file: ../people.txt }' }) },
  });
  const people = join(gateway.folder, 'people.txt');
  try {
    await writeFile(people, addresses(100));
    await gateway.start();
    await writeFile(people, addresses(10));
    const refused = await gateway.event('cfg.error');
    assert.match(String(refused['text']), /only 10 addresses are left of 100/);
    assert.match((await gateway.cli('domain', 'list')).stdout, /list \(100\)/);
    const { code, stdout } = await gateway.cli('reload');
    assert.equal(code, 0, stdout);
    assert.match((await gateway.cli('domain', 'list')).stdout, /list \(10\)/);
    assert.equal((await gateway.event('cfg.reload'))['by'], 'command');
  } finally {
    await gateway.remove();
  }
});
