/** `sluice loglevel`: more in the log for a while, of one client or all, and never a secret. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { formatPasswordHash, hashPassword } from '../../src/base/password-hash.ts';
import { runInside } from '../support/command.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const PASSWORD = 'correct horse';
const USER = 'anna@example.org';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const WATCHED = '127.0.0.2';
const OTHER = '127.0.0.1';

const destination = new Destination();
let gateway: Gateway;
before(async () => {
  await destination.start();
  const hash = formatPasswordHash(await hashPassword(Buffer.from(PASSWORD)));
  const outgoing = `{ enabled: true, accounts: [{ user: anna@example.org, password: "${hash}" }] }`;
  gateway = await Gateway.run({
    log: '{ level: info, file: null }',
    plugins: '[mail-class]',
    listeners:
      '[{ name: mx, address: "127.0.0.1:0", auth: optional, auth_without_tls: true, tls: off }]',
    domains: { 'example.org': domainFile(destination.port, { outgoing }) },
  });
});
after(async () => {
  await gateway.remove();
  await destination.stop();
});

const sluice = (line: string) => runInside([...line.split(' '), '-c', gateway.configFile], {});
const lines = (evt: string, ip: string) =>
  gateway.lines.filter((line) => line.evt === evt && line['ip'] === ip);

/** A login, a message, a mistake, and a goodbye; resolves when the gateway has logged its end. */
async function session(from: string): Promise<void> {
  const done = gateway.lines.filter(({ evt }) => evt === 'msg.done').length;
  const talk = await SmtpTalk.greeted(gateway.port(), 'client.example', from);
  await talk.say('AUTH LOGIN');
  await talk.say(base64(USER));
  assert.match(await talk.say(base64(PASSWORD)), /^235/);
  await talk.say(PASSWORD); // out of step
  await talk.say(`(${PASSWORD}`);
  await talk.say('MAIL FROM:<anna@example.org>');
  await talk.say('RCPT TO:<bob@example.org>');
  await talk.say('DATA');
  assert.match(await talk.say('From: anna@example.org\r\nSubject: hi\r\n\r\nHello\r\n.'), /^250/);
  await talk.say('QUIT');
  await until(
    'message done',
    () => gateway.lines.filter(({ evt }) => evt === 'msg.done').length > done,
  );
}

test('one network is followed word by word, nobody else, and no secret is told', async () => {
  assert.equal((await sluice('loglevel')).out, 'info (log.level)\n');
  const set = await sluice('loglevel trace --for 1h --ip 127.0.0.2/31');
  assert.equal(set.code, 0, set.err);
  assert.match(
    set.out,
    /^info \(log\.level\), and trace of clients in 127\.0\.0\.2\/31 until \d{4}-\d\d-\d\dT[\d:]{8}Z\n$/,
  );
  const { text, ...told } = await gateway.event('log.level');
  assert.equal(text, undefined);
  assert.deepEqual(
    [told['to'], told['of'], typeof told['who']],
    ['trace', '127.0.0.2/31', 'string'],
  );

  await session(OTHER);
  assert.deepEqual([lines('smtp.open', OTHER), lines('smtp.line', OTHER)], [[], []]);

  await session(WATCHED);
  await until('the end of the session', () => lines('smtp.close', WATCHED).length > 0);
  const [open] = lines('smtp.open', WATCHED);
  assert.equal(open?.level, 'debug');
  const said = lines('smtp.line', WATCHED).map(
    ({ by, text: words }) => `${String(by)}: ${String(words)}`,
  );
  assert.deepEqual(
    said.map((line) => line.replace(/^(gateway: \d{3}).*/, '$1')),
    [
      'gateway: 220',
      'client: EHLO client.example',
      'gateway: 250',
      'client: AUTH ...',
      'gateway: 334',
      'client: (login)',
      'gateway: 334',
      'client: (login)',
      'gateway: 235',
      'client: (after AUTH)',
      'gateway: 500',
      'client: (after AUTH)',
      'gateway: 500',
      'client: MAIL FROM:<anna@example.org>',
      'gateway: 250',
      'client: RCPT TO:<bob@example.org>',
      'gateway: 250',
      'client: DATA',
      'gateway: 354',
      'gateway: 250',
      'client: QUIT',
      'gateway: 221',
    ],
  );
  assert.match(said[2] ?? '', /^gateway: 250-mx\.sluice\.test \| 250-/);
  // What belongs to the session without naming its client.
  const sid = String(open?.['sid']);
  assert.ok(
    gateway.lines.some(({ evt, id }) => evt === 'scan.result' && String(id).startsWith(sid)),
  );
  assert.doesNotMatch(
    gateway.log,
    new RegExp([PASSWORD, ...[USER, PASSWORD, 'Username'].map(base64)].join('|')),
  );
  // The dialogue is for the reader of the log: no record, no trace.
  assert.doesNotMatch((await sluice(`trace ${sid}`)).out, /smtp\.line|EHLO/);
});

test('of all clients, until it is taken back, in JSON too', async () => {
  const set = await sluice('loglevel debug --json');
  const row = JSON.parse(set.out) as { level: string; focus: { until: string; ip: unknown } };
  assert.equal(row.level, 'info');
  assert.equal(row.focus.ip, null);
  const inMs = Date.parse(row.focus.until) - Date.now();
  assert.ok(inMs > 590_000 && inMs <= 600_000, `${inMs}`);
  const before = lines('smtp.open', OTHER).length;
  await session(OTHER);
  assert.equal(lines('smtp.open', OTHER).length, before + 1);
  assert.equal(lines('smtp.line', OTHER).length, 0);

  assert.equal((await sluice('loglevel reset')).out, 'info (log.level)\n');
  await session(OTHER);
  assert.equal(lines('smtp.open', OTHER).length, before + 1);
});

test('what is no level, no network, no time is told', async () => {
  for (const [line, problem] of [
    ['loglevel loud', /choices are fatal/i],
    ['loglevel debug --ip example.org', /address or a network such as 192\.0\.2\.0\/24/],
    ['loglevel debug --for 2d', /at most 24 hours/],
    ['loglevel debug --for soon', /must be an age such as 90s/],
    ['loglevel --for 10m', /go with a level/],
  ] as const) {
    const { code, err } = await sluice(line);
    assert.notEqual(code, 0, line);
    assert.match(err, problem, line);
  }
});
