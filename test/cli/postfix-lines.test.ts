/** The log in Postfix's form: lines that pflogsumm and its relatives read, byte for byte. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { tempFolder } from '../support/temp-folder.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const at = (time: string) => ({ time: `2026-06-02T06:42:${time}Z`, host: 'mx1.example.net' });
const mail = { sid: '4K7QZ2M9XT', id: '4K7QZ2M9XT.1', from: 'news@shop.example' };
const came = { ip: '203.0.113.9', helo: 'mail.shop.example' };
const way = { dest: 'example.org', rhost: 'mail.example.org', rip: '192.0.2.10' };
const stages = { q: 0.3, c: 0.01, t: 0.05 };
const anna = { ...mail, ...way, to: 'anna@example.org', delay: 0.36, stages };

const EVENTS = [
  { ...at('40.900'), evt: 'smtp.open', ...came },
  {
    ...at('41.000'),
    ...{ evt: 'smtp.reject.rcpt', ...came, sid: 'X', from: 'a@b.test', to: 'no@example.org' },
    ...{ why: 'unknown_rcpt', code: 550, enh: '5.1.1', text: 'unknown recipient (unknown_rcpt)' },
  },
  // It is relayed before it has come, as far as the log goes.
  { ...at('41.460'), evt: 'rcpt.sent', ...anna, code: 250, enh: '2.0.0', text: '250 2.0.0 Ok' },
  {
    ...at('41.461'),
    ...{ evt: 'rcpt.defer', ...mail, ...way, to: 'bob@example.org', delay: 0.36, code: 452 },
    ...{ enh: '4.2.2', text: '452 4.2.2 full\r\nJun  2 06:42:41 mx1 forged' },
  },
  {
    ...at('41.470'),
    ...{ evt: 'msg.in', ...came, ...mail, res: 'accept', how: 'queued', rcpts: '2/0/0' },
    ...{ size: 12_033, msgid: '<a1@shop.example>', code: 250, enh: '2.0.0', text: 'Ok' },
  },
  { ...at('59.000'), evt: 'rcpt.fail', ...mail, to: 'bob@example.org', delay: 18, code: 550 },
  { ...at('59.001'), evt: 'msg.done', ...mail, res: 'partial', delay: 18 },
  { ...at('59.500'), evt: 'msg.in', ...came, sid: 'Y', id: 'Y.1', res: 'reject', why: 'spam' },
];

test('each message with its client, size and deliveries, in the order in which Postfix has them', (t) => {
  const file = join(tempFolder(t), 'log');
  writeFileSync(file, `no event\n${EVENTS.map((event) => `${JSON.stringify(event)}\n`).join('')}`);
  const { stdout, status } = spawnSync(process.execPath, [MAIN, 'log', '--as', 'postfix', file], {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC' },
  });
  assert.equal(status, 0);
  const from = (second: number, program: string) =>
    `Jun  2 06:42:${second} mx1.example.net postfix/${program}[1]: `;
  assert.deepEqual(stdout.split('\n'), [
    `${from(41, 'smtpd')}NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 550 5.1.1 <no@example.org>: unknown recipient (unknown_rcpt); from=<a@b.test> to=<no@example.org> proto=ESMTP helo=<mail.shop.example>`,
    `${from(41, 'smtpd')}4K7QZ2M9XT1: client=unknown[203.0.113.9]`,
    `${from(41, 'cleanup')}4K7QZ2M9XT1: message-id=<a1@shop.example>`,
    `${from(41, 'qmgr')}4K7QZ2M9XT1: from=<news@shop.example>, size=12033, nrcpt=2 (queue active)`,
    `${from(41, 'smtp')}4K7QZ2M9XT1: to=<anna@example.org>, relay=mail.example.org[192.0.2.10]:25, delay=0.36, delays=0.3/0/0.01/0.05, dsn=2.0.0, status=sent (250 2.0.0 Ok)`,
    `${from(41, 'smtp')}4K7QZ2M9XT1: to=<bob@example.org>, relay=mail.example.org[192.0.2.10]:25, delay=0.36, delays=0/0/0/0, dsn=4.2.2, status=deferred (452 4.2.2 full??Jun  2 06:42:41 mx1 forged)`,
    `${from(59, 'smtp')}4K7QZ2M9XT1: to=<bob@example.org>, relay=none, delay=18, delays=0/0/0/0, dsn=5.0.0, status=bounced ()`,
    `${from(59, 'qmgr')}4K7QZ2M9XT1: removed`,
    '',
  ]);
});
