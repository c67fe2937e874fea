/** Logins of customers: under TLS only, guessed by nobody, seen by the operator, secrets by no one. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { formatPasswordHash, hashPassword } from '../../src/base/password-hash.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { missing } from '../support/real-component.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const PASSWORD = 'correct horse';
const plain = (user: string, password: string) =>
  Buffer.from(`\0${user}\0${password}`).toString('base64');

describe('a listener for customers', () => {
  const destination = new Destination();
  let gateway: Gateway;
  before(async () => {
    await destination.start();
    const hash = formatPasswordHash(await hashPassword(Buffer.from(PASSWORD)));
    const outgoing = `{ enabled: true, accounts: [{ user: anna@example.org, password: "${hash}" }] }`;
    const off = `{ accounts: [{ user: anna@off.test, password: "${hash}" }] }`;
    gateway = await Gateway.run({
      listeners:
        '[{ name: mx, address: "127.0.0.1:0" }, { name: submissions, address: "127.0.0.1:0", tls: implicit, auth: required }, { name: old, address: "127.0.0.1:0", tls: off, auth: required, auth_without_tls: true }, { name: private, address: "127.0.0.1:0", auth: required }]',
      domains: {
        'example.org': domainFile(destination.port, { outgoing }),
        'off.test': domainFile(destination.port, { outgoing: off }, 'off.test'),
      },
    });
  });
  after(async () => {
    await gateway.remove();
    await destination.stop();
  });

  async function open(localAddress = '127.0.0.1'): Promise<SmtpTalk> {
    const port = gateway.port('submissions');
    const to = { host: '127.0.0.1', port, localAddress, rejectUnauthorized: false };
    const socket = connectTls(to);
    const talk = SmtpTalk.on(socket);
    await talk.reply();
    assert.match(await talk.say('EHLO laptop.example'), /^250 AUTH PLAIN LOGIN$/m);
    return talk;
  }

  test('takes no mail before the login and takes it after', async () => {
    const talk = await open();
    assert.match(await talk.say('MAIL FROM:<anna@example.org>'), /^530 5\.7\.0/);
    const login = await talk.say(`AUTH PLAIN ${plain('Anna@Example.org', PASSWORD)}`);
    assert.equal(login, '235 2.7.0 Authentication successful');
    assert.match(await talk.say('MAIL FROM:<anna@example.org>'), /^250/);
    const ok = await gateway.event('smtp.auth.ok');
    assert.equal(ok['acct'], 'anna@example.org');
    assert.equal(ok['mech'], 'PLAIN');
    await talk.quit();
  });

  test('I12 I13: swaks sends over STARTTLS and over TLS from the start, by PLAIN and LOGIN', async (t) => {
    if (spawnSync('swaks', ['--version']).status !== 0) return missing(t, 'swaks');
    const swaks = async (listener: string, ...more: string[]) => {
      const at = ['--server', '127.0.0.1', '--port', String(gateway.port(listener))];
      const mail = ['--from', 'anna@example.org', '--to', 'anna@example.org'];
      const client = spawn('swaks', [...at, ...mail, '--timeout', '20', ...more]);
      return text(client.stdout);
    };
    const login = ['--auth-user', 'anna@example.org', '--auth-password', PASSWORD];
    const before = destination.arrived.length;
    for (const [listener, tls, mechanism] of [
      ['private', '--tls', 'PLAIN'],
      ['private', '--tls', 'LOGIN'],
      ['submissions', '--tls-on-connect', 'PLAIN'],
    ] as const) {
      const said = await swaks(listener, tls, '--auth', mechanism, ...login);
      assert.match(said, /^<~ {2}250 2\.0\.0 Ok: \S+ delivered/m, `${listener} ${mechanism}`);
    }
    assert.equal(destination.arrived.length, before + 3);
    return undefined;
  });

  test('refuses a wrong password, an unknown user and a customer without outgoing mail alike', async () => {
    const logins = [
      plain('anna@example.org', 'wrong horse'),
      plain('nobody@example.org', PASSWORD),
      plain('anna@off.test', PASSWORD),
    ];
    // From an address each, so that none waits for those before.
    const tries = logins.map(async (login, index) => {
      const talk = await open(`127.0.8.${100 + index}`);
      assert.match(await talk.say(`AUTH PLAIN ${login}`), /^535 5\.7\.8 .* \(auth\)$/);
      assert.match(await talk.say('MAIL FROM:<anna@example.org>'), /^530/);
      await talk.quit();
    });
    await Promise.all(tries);
    const failed = gateway.events('smtp.auth.fail');
    assert.equal(failed.length, 3);
    for (const line of failed) {
      // fail2ban relies on this order.
      assert.deepEqual(Object.keys(line).slice(0, 5), ['level', 'time', 'host', 'evt', 'ip']);
    }
  });

  test('I15: without TLS nobody logs in, unless whoever runs it wants that', async () => {
    const login = `AUTH PLAIN ${plain('anna@example.org', PASSWORD)}`;
    const other = await SmtpTalk.greeted(gateway.port('private'), 'laptop.example');
    assert.match(await other.say(login), /^530 5\.7\.0 /);
    await other.quit();
    const talk = await SmtpTalk.open(gateway.port('old'));
    await talk.reply();
    assert.match(await talk.say('EHLO scanner.example'), /^250 AUTH PLAIN LOGIN$/m);
    assert.match(await talk.say(login), /^235/);
    assert.match(await talk.say('MAIL FROM:<anna@example.org>'), /^250/);
    await talk.quit();
    const warned = await gateway.event('cfg.warning', ({ path }) =>
      String(path).endsWith('auth_without_tls'),
    );
    assert.match(String(warned['text']), /has the passwords of those who log in without TLS/);
  });

  test('A36 I12: guesses are answered late, then a name is blocked; fail2ban can see it', async () => {
    const user = 'bert@example.org';
    const guess = async (number: number) => {
      const talk = await SmtpTalk.greeted(gateway.port('old'), 'bot.example', `127.0.8.${number}`);
      return { talk, reply: talk.say(`AUTH PLAIN ${plain(user, `guess ${number}`)}`) };
    };
    const startedAt = performance.now();
    const first = await guess(1);
    assert.match(await first.reply, /^535 5\.7\.8 .* \(auth\)$/);
    assert.ok(performance.now() - startedAt >= 990, 'a second passes before the answer');
    // From many addresses at once: their answers take longer than the block of the name does.
    const others = await Promise.all(Array.from({ length: 9 }, (_, index) => guess(2 + index)));
    const said = await until('the name to be blocked', async () => {
      const { talk, reply } = await guess(20);
      const answer = await Promise.race([reply, sleep(900, 'late')]);
      talk.socket.resetAndDestroy();
      return answer !== 'late' && answer;
    });
    assert.match(said, /^454 4\.7\.0 .*\(rate\)$/);
    for (const { talk } of [first, ...others]) talk.socket.resetAndDestroy();
    const line = await gateway.event(
      'smtp.auth.fail',
      (one) => one['ip'] === '127.0.8.20' && one['blocked'] !== undefined,
    );
    assert.deepEqual([line['user'], line['why'], line['blocked']], [user, 'rate', 'login']);
    // Nobody else pays for it.
    const anna = await SmtpTalk.greeted(gateway.port('old'), 'laptop.example', '127.0.8.20');
    assert.match(await anna.say(`AUTH PLAIN ${plain('anna@example.org', PASSWORD)}`), /^235/);
    await anna.quit();
  });

  test('is not a listener of everybody: elsewhere AUTH is not implemented', async () => {
    const talk = await SmtpTalk.greeted(gateway.port('mx'));
    assert.match(await talk.say(`AUTH PLAIN ${plain('anna@example.org', PASSWORD)}`), /^502/);
    await talk.quit();
  });

  test('never tells the log a password, not even when a client talks nonsense', async () => {
    const talk = await open();
    await talk.say('AUTH LOGIN anna');
    for (let i = 0; i < 12; i++) await talk.say(Buffer.from(PASSWORD).toString('base64'));
    talk.socket.destroy();
    await gateway.event('smtp.proto', (line) => line['what'] === '(after AUTH)');
    const text = gateway.lines.map((line) => JSON.stringify(line)).join('\n');
    assert.ok(!text.includes(PASSWORD));
    assert.ok(!text.includes(Buffer.from(PASSWORD).toString('base64')));
    assert.ok(!text.includes(plain('anna@example.org', PASSWORD)));
  });
});
