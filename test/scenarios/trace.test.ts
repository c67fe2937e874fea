/**
 * The trace through the running program: every transaction leaves a record, found by what people
 * know of it, after restarts and crashes too; whatever befalls the records is no concern of mail.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { runInside } from '../support/command.ts';
import type { Ran } from '../support/command.ts';
import type { Arrived } from '../support/destination.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

type Row = Readonly<Record<string, unknown>>;

/** The command line in this process: a process for each would take most of the time. */
function cli(gateway: Gateway, ...args: string[]): Promise<Ran> {
  return runInside(args, { env: { SLUICE_CONFIG: gateway.configFile } });
}

async function rows(gateway: Gateway, ...args: string[]): Promise<Row[]> {
  const { out } = await cli(gateway, 'trace', ...args, '--json');
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row); // our own output
}

const idsOf = (found: readonly Row[]) => found.map((row) => row['id']);
const idIn = (reply: string) => /Ok: (\S+)/.exec(reply)?.[1] ?? '';
const mail = (subject: string, id: string) =>
  `Subject: ${subject}\r\nMessage-ID: <${id}@shop.example>\r\n\r\nbody\r\n`;

test('K1: a message is found by everything people know of it, after a restart too', async () => {
  const final = ({ to }: Arrived) =>
    to.includes('carl@example.org') ? '550 5.7.1 not him' : '250 2.0.0 Ok: queued as 9F1A2B3C';
  const destination = await new Destination({ final }).start();
  const gateway = await Gateway.run({
    node: 'records: { subject: true }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const send = (from: string, to: string[], content: string) =>
      sendMail(gateway.port(), from, to, content);
    const many = Array.from({ length: 8 }, (_, n) => `user${n}@example.org`);
    const delivered = idIn(
      await send('News@Shop.example', many, mail('=?utf-8?q?Rechnung_f=C3=BCr?= Juni', 'a1')),
    );
    await send('x@spam.example', ['carl@example.org'], mail('offer', 'a2'));
    await send('x@spam.example', ['dora@not-ours.test'], mail('offer', 'a3'));
    const talk = await SmtpTalk.open(gateway.port());
    await talk.reply();
    await talk.say('GET / HTTP/1.1');
    await talk.reply().catch(() => '');
    talk.socket.destroy();
    await gateway.event('smtp.proto');
    await gateway.event('smtp.close', (line) => line['transactions'] === 0);

    const check = async () => {
      for (const query of [
        ['news@shop.example'],
        ['@shop.example'],
        ['NEWS'],
        ['news@sh*'],
        ['user7@example.org'],
        ['a1@shop.example'],
        ['<a1@shop.example>'],
        ['<news@shop.example>'],
        ['--from', '<news@shop.example>'],
        ['9F1A2B3C'],
        ['--from', 'news@shop.example', '--to', 'user3@example.org'],
        ['--domain', 'example.org', '--result', 'accepted'],
        ['--subject', 'für rechnung'],
        ['127.0.0.1', '--result', 'accepted/delivered', '--dir', 'in', '--since', '1h'],
      ]) {
        assert.deepEqual(idsOf(await rows(gateway, ...query)), [delivered], query.join(' '));
      }
      for (const query of [
        ['nobody@shop.example'],
        ['@shop.exampl'],
        ['--from', 'user3@example.org'],
        ['--domain', 'shop.example'],
        ['--subject', 'rechnung mai'],
        ['--result', 'discarded'],
        ['news@shop.example', '--until', '1h'],
        ['news@shop.example', '--dir', 'out'],
      ]) {
        const none = await cli(gateway, 'trace', ...query);
        assert.deepEqual([none.code, none.out], [1, ''], query.join(' '));
      }
      const [row] = await rows(gateway, delivered.slice(0, 4), '--from', '@shop.example');
      assert.equal(row, undefined, 'part of an id is no address');
      const [shown] = await rows(gateway, 'news@shop.example');
      assert.equal(shown?.['subject'], 'Rechnung für Juni');
      assert.equal(shown['remote_id'], '9F1A2B3C');
      assert.equal(shown['dest'], 'example.org');
      const refused = await rows(gateway, '@spam.example');
      assert.deepEqual(
        refused.map((one) => [one['to'], one['result'], one['why']]),
        [
          ['dora@not-ours.test', 'rejected', 'relay_denied'],
          ['carl@example.org', 'rejected', 'destination'],
        ],
      );
      assert.deepEqual(idsOf(await rows(gateway, '--result', 'rejected')), idsOf(refused));
      const ofCustomer = await rows(gateway, '--domain', 'example.org', '--result', 'rej');
      assert.deepEqual(idsOf(ofCustomer), [refused[1]?.['id']]);
      const all = await rows(gateway, '127.0.0.1');
      assert.equal(all.length, 4, 'with the session that was no mail');
      assert.match(String(all[0]?.['id']), /^\w{10}$/);
      assert.equal(all[0]?.['result'], 'no mail');
      for (const query of [[' '], ['--from', ''], ['--domain', '']]) {
        const nothing = await cli(gateway, 'trace', ...query);
        assert.deepEqual([nothing.code, nothing.out], [64, ''], 'an empty variable of a script');
      }
      for (const result of ['nonsense', 'rejected/delivered', '']) {
        const none = await cli(gateway, 'trace', '--result', result);
        assert.deepEqual([none.code, none.out], [64, '']);
        assert.match(none.err, /"result" must be accepted, .*no mail, accepted\/queued, /);
      }
      const first = await rows(gateway, '127.0.0.1', '-n', '3');
      const { cursor } = first.at(-1) as { cursor: string }; // our own output
      const rest = await rows(gateway, '127.0.0.1', '--cursor', cursor);
      assert.deepEqual([...first.slice(0, 3), ...rest], all, 'page by page');
      for (const [option, value] of [
        ['--result', 'rejected'],
        ['--dir', 'out'],
        ['--until', '1h'],
        ['--limit', '1'],
        ['--columns', 'id'],
      ] as const) {
        const refused = await cli(gateway, 'trace', delivered, option, value);
        assert.deepEqual([refused.code, refused.out], [64, ''], option);
        assert.match(refused.err, new RegExp(`${delivered} is an id.*; ${option} is for searches`));
      }
      const { out } = await cli(gateway, 'trace', delivered);
      for (const line of [
        /^\S+ connect +127\.0\.0\.1:\d+ → mx$/m,
        /^\S+ delivered +user0@example\.org → 127\.0\.0\.1 250 2\.0\.0 Ok: queued as 9F1A2B3C/m,
        /^\S+ delivered +user7@example\.org /m,
        /^\S+ accept +<News@Shop\.example> > user0@example\.org/m,
        /^\S+ done +delivered/m,
      ]) {
        assert.match(out, line);
      }
    };
    await check();
    await gateway.stop();
    await gateway.start();
    await check();
    // What was written a second ago outlives a crash as well.
    await gateway.kill();
    await gateway.start();
    await check();
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('what happens later is added to the record, by later processes too', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.run({
    node: 'queue: { retry: [1s], probe: 1s }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const send = async (n: number) =>
      idIn(await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail('x', `m${n}`)));
    const [first, second] = [await send(1), await send(2)];
    assert.deepEqual(idsOf(await rows(gateway, '--result', 'accepted')), [second, first]);
    await cli(gateway, 'queue', 'delete', second);
    await gateway.stop();
    await gateway.start();
    assert.deepEqual(idsOf(await rows(gateway, '--result', 'accepted/deleted')), [second]);
    await destination.start();
    await gateway.event('msg.done', (line) => line['id'] === first);
    const found = await rows(gateway, 'anna@example.org');
    assert.deepEqual(
      found.map((row) => [row['id'], row['result']]),
      [
        [second, 'accepted/deleted'],
        [first, 'accepted/delivered'],
      ],
    );
    assert.deepEqual(await rows(gateway, '--result', 'accepted/queued'), []);
    const { out } = await cli(gateway, 'trace', first);
    assert.match(out, /connect[^]* accept +<a@b\.example>[^]* delivered[^]* done +delivered/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('records that cannot be opened or are damaged keep no mail from its way', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.make({ domains: { 'example.org': domainFile(destination.port) } });
  const folder = join(gateway.folder, 'data', 'records');
  try {
    await mkdir(join(gateway.folder, 'data'));
    await writeFile(folder, 'a file where the folder should be');
    await gateway.start();
    const send = async () =>
      sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail('x', 'm'));
    const first = await send();
    assert.match(first, /^250 .* delivered/);
    await gateway.event('records.down');
    assert.equal((await cli(gateway, 'status')).code, 0, 'ready all the same');
    const refused = await cli(gateway, 'trace', 'anna@example.org');
    assert.notEqual(refused.code, 0);
    assert.match(refused.err, /records cannot be read/);
    assert.match((await cli(gateway, 'trace', idIn(first))).out, /delivered/, 'from memory');
    await rm(folder);
    await gateway.event('records.up');
    const again = async () => idsOf(await rows(gateway, 'anna@example.org'));
    await until('nothing was lost', async () => (await again()).includes(idIn(first)));
    await gateway.stop();

    const [day = ''] = (await readdir(folder)).filter((name) => /^\d{4}-/.test(name));
    await writeFile(join(folder, day, 'CURRENT'), 'nonsense');
    await gateway.start();
    const second = idIn(await send());
    assert.deepEqual(await again(), [second]);
    assert.ok(existsSync(join(folder, `${day}.damaged`)));
    assert.equal(gateway.events('records.damaged')[0]?.['day'], day);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('the trace of a message has what its recipients were asked for at the destination', async () => {
  const rcpt = (to: string) => (to.startsWith('nobody') ? '550 5.1.1 no' : '250 2.1.5 ok');
  const destination = await new Destination({ rcpt }).start();
  const gateway = await Gateway.run({
    domains: { 'example.org': domainFile(destination.port, { recipients: 'callout' }) },
  });
  try {
    const talk = await SmtpTalk.greeted(gateway.port());
    await talk.say('MAIL FROM:<a@b.example>');
    assert.match(await talk.say('RCPT TO:<nobody@example.org>'), /^550 5\.1\.1/);
    assert.match(await talk.say('RCPT TO:<anna@example.org>'), /^250/);
    await talk.say('DATA');
    talk.write(`${mail('hello', 'a1')}.\r\n`);
    const id = idIn(await talk.reply());
    await talk.quit();
    const sid = id.split('.')[0];
    const checks = gateway.events('rcpt.check');
    assert.deepEqual(
      checks.map((line) => [line['sid'], line['id'], line['to'], line['result']]),
      [
        [sid, id, 'nobody@example.org', 'unknown'],
        [sid, id, 'anna@example.org', 'known'],
      ],
    );
    const shown = (await cli(gateway, 'trace', id)).out;
    assert.match(shown, / verify +<nobody@example\.org> unknown \(callout\)/);
    assert.match(shown, / verify +<anna@example\.org> known \(callout\)/);
    const [row] = await rows(gateway, 'anna@example.org');
    assert.deepEqual([row?.['to'], row?.['rcpts']], ['anna@example.org', 1]);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
