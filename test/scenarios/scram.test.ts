/** AUTH SCRAM-SHA-256 through the running program, with GNU SASL as the other side, and against guesses. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHmac, pbkdf2Sync } from 'node:crypto';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { formatPasswordHash, hashPassword } from '../../src/base/password-hash.ts';
import { formatScramKeys, makeScramKeys } from '../../src/base/scram-keys.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { missing } from '../support/real-component.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';

const PASSWORD = 'correct horse p\u00e4ss';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const text = (challenge: string) => Buffer.from(challenge.slice(4), 'base64').toString();

/** RFC 5802 3, from the password and what was said. */
function signatureOf(first: string, challenge: string, last: string): string {
  const server = text(challenge);
  const [, salt = '', count] = /,s=([^,]+),i=(\d+)$/.exec(server) ?? [];
  const decoded = (line: string) => Buffer.from(line, 'base64').toString();
  const messages = [decoded(first).slice(3), server, decoded(last).replace(/,p=.*/, '')].join(',');
  const salted = pbkdf2Sync(PASSWORD, Buffer.from(salt, 'base64'), Number(count), 32, 'sha256');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest();
  return createHmac('sha256', serverKey).update(messages).digest('base64');
}

describe('AUTH SCRAM-SHA-256', () => {
  const destination = new Destination();
  let gateway: Gateway;
  before(async () => {
    await destination.start();
    const keys = await makeScramKeys(PASSWORD);
    assert.ok(keys);
    const scrypt = formatPasswordHash(await hashPassword(Buffer.from(PASSWORD)));
    const accounts = `[{ user: anna@example.org, password: "${formatScramKeys(keys)}" }, { user: bob@example.org, password: "${scrypt}" }]`;
    gateway = await Gateway.run({
      listeners:
        '[{ name: mx, address: "127.0.0.1:0", tls: implicit, auth: optional }, { name: submission, address: "127.0.0.1:0", tls: starttls, auth: required }]',
      domains: {
        'example.org': domainFile(destination.port, {
          outgoing: `{ enabled: true, accounts: ${accounts} }`,
        }),
      },
    });
  });
  after(async () => {
    await gateway.remove();
    await destination.stop();
  });

  async function open(): Promise<SmtpTalk> {
    const socket = connectTls({ port: gateway.port(), rejectUnauthorized: false });
    const talk = SmtpTalk.on(socket);
    await talk.reply();
    assert.match(
      await talk.say('EHLO c.example'),
      /^250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN$/m,
    );
    return talk;
  }

  const begin = (talk: SmtpTalk, user: string) =>
    talk.say(`AUTH SCRAM-SHA-256 ${base64(`n,,n=${user},r=abcdef`)}`);

  /** The dialogue, with GNU SASL on the client's side; every reply. */
  async function bySasl(user: string, password: string): Promise<string[]> {
    const talk = await open();
    const args = [
      '--client',
      '--no-cb',
      '--mechanism=SCRAM-SHA-256',
      `--authentication-id=${user}`,
    ];
    const client = spawn('gsasl', [...args, `--password=${password}`]);
    client.stdin.on('error', () => undefined);
    const said = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
    const next = async () => {
      for (;;) {
        const line = await said.next();
        if (line.done === true) return '';
        if (/^[A-Za-z0-9+/]{20,}=*$/.test(line.value)) return line.value;
      }
    };
    const replies: string[] = [];
    const sent: string[] = [];
    try {
      let reply = await talk.say('AUTH SCRAM-SHA-256');
      while (reply.startsWith('334')) {
        replies.push(reply);
        // The empty challenge that it begins with has no answer from us to read.
        if (replies.length > 1) client.stdin.write(`${reply.slice(4)}\n`);
        const signed = text(reply).startsWith('v=');
        const response = signed ? '' : await next();
        sent.push(response);
        reply = await talk.say(response);
      }
      replies.push(reply);
      if (reply.startsWith('235')) {
        const [first = '', last = ''] = sent;
        assert.equal(text(replies[2] ?? ''), `v=${signatureOf(first, replies[1] ?? '', last)}`);
        assert.match(await talk.say(`MAIL FROM:<${user}>`), /^250/);
      }
      return replies;
    } finally {
      client.kill();
      talk.socket.destroy();
    }
  }

  test('GNU SASL logs in, and gets the gateway’s own proof', async (t) => {
    if (spawnSync('gsasl', ['--version']).status !== 0) return missing(t, 'gsasl');
    const replies = await bySasl('anna@example.org', PASSWORD);
    assert.equal(replies.length, 4);
    assert.match(text(replies[1] ?? ''), /^r=\S+,s=\S{24},i=100000$/);
    assert.equal(replies[3], '235 2.7.0 Authentication successful');
    const ok = await gateway.event('smtp.auth.ok');
    assert.deepEqual([ok['mech'], ok['acct']], ['SCRAM-SHA-256', 'anna@example.org']);
    for (const [user, password] of [
      ['anna@example.org', 'wrong'],
      ['nobody@example.org', PASSWORD],
    ] as const) {
      const refused = await bySasl(user, password);
      assert.match(refused.at(-1) ?? '', /^535 5\.7\.8 .*\(auth\)$/, user);
    }
    assert.ok(!gateway.lines.some((line) => JSON.stringify(line).includes('correct horse')));
  });

  /** GNU SASL on a connection of its own: only so it knows what binds the login to it. */
  async function bound(password: string): Promise<string> {
    const client = spawn('gsasl', [
      ...['--smtp', `--connect=127.0.0.1:${gateway.port('submission')}`, '--x509-ca-file='],
      ...['--mechanism=SCRAM-SHA-256-PLUS', '--authentication-id=anna@example.org'],
      ...[`--password=${password}`, '--verbose'],
    ]);
    client.stdin.end();
    let said = '';
    for await (const bytes of client.stdout) said += String(bytes);
    return said;
  }

  test('GNU SASL binds its login to the connection', async (t) => {
    if (spawnSync('gsasl', ['--version']).status !== 0) return missing(t, 'gsasl');
    assert.match(await bound(PASSWORD), /^235 2\.7\.0 Authentication successful\r?$/m);
    assert.match(await bound('wrong'), /^535 5\.7\.8 /m);
    const ok = await gateway.event('smtp.auth.ok', ({ mech }) => mech === 'SCRAM-SHA-256-PLUS');
    assert.equal(ok['acct'], 'anna@example.org');
  });

  test('a login that is bound is worth nothing on another connection', async () => {
    const elsewhere = await open();
    const bindingOf = ({ socket }: SmtpTalk) =>
      (socket as TLSSocket).exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    for (const [of, answer] of [
      ['own', /^535 5\.7\.8/],
      ['other', /^501 5\.5\.2/],
    ] as const) {
      const talk = await open();
      const prefix = 'p=tls-exporter,,';
      const first = `AUTH SCRAM-SHA-256-PLUS ${base64(`${prefix}n=anna@example.org,r=abc`)}`;
      const nonce = /r=([^,]+)/.exec(text(await talk.say(first)))?.[1] ?? '';
      const binding = bindingOf(of === 'own' ? talk : elsewhere);
      const c = Buffer.concat([Buffer.from(prefix), binding]).toString('base64');
      const last = `c=${c},r=${nonce},p=${base64('x'.repeat(32))}`;
      assert.match(await talk.say(base64(last)), answer, of);
      talk.socket.destroy();
    }
    elsewhere.socket.destroy();
  });

  test('who could bind its login and was not told that we can is not let in', async () => {
    const talk = await open();
    const first = base64('y,,n=anna@example.org,r=abc');
    assert.match(await talk.say(`AUTH SCRAM-SHA-256 ${first}`), /^535 5\.7\.8/);
    const unbound = base64('n,,n=anna@example.org,r=abc');
    assert.match(await talk.say(`AUTH SCRAM-SHA-256-PLUS ${unbound}`), /^501/);
    const unknown = base64('p=tls-unique,,n=anna@example.org,r=abc');
    assert.match(await talk.say(`AUTH SCRAM-SHA-256-PLUS ${unknown}`), /^501/);
    talk.socket.destroy();
    // TLS 1.2 has nothing to bind to that a man in the middle could not have made.
    const port = gateway.port();
    const old = SmtpTalk.on(connectTls({ port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' }));
    await old.reply();
    assert.match(await old.say('EHLO c.example'), /^250 AUTH SCRAM-SHA-256 PLAIN LOGIN$/m);
    assert.match(await old.say(`AUTH SCRAM-SHA-256-PLUS ${unbound}`), /^504/);
    assert.match(await old.say(`AUTH SCRAM-SHA-256 ${first}`), /^334/);
    old.socket.destroy();
  });

  test('the same account takes the password itself by PLAIN', async () => {
    const talk = await open();
    const right = base64(`\0anna@example.org\0${PASSWORD}`);
    assert.match(await talk.say(`AUTH PLAIN ${right}`), /^235/);
    await talk.quit();
  });

  test('salts tell no account from a name that is none, over a restart too', async () => {
    const salts = async () => {
      const found: string[] = [];
      for (const user of [
        'anna@example.org',
        'bob@example.org',
        'nobody@x.test',
        'NOBODY@x.test',
      ]) {
        const talk = await open();
        const [, salt] = /,s=(\S{24}),i=100000$/.exec(text(await begin(talk, user))) ?? [];
        assert.ok(salt, user);
        found.push(salt);
        talk.socket.destroy();
      }
      return found;
    };
    const first = await salts();
    assert.equal(new Set(first).size, 3);
    assert.equal(first[2], first[3]);
    await gateway.stop();
    await gateway.start();
    assert.deepEqual(await salts(), first);
  });

  test('what is malformed is refused, and nobody is in', async () => {
    for (const first of [
      'y,,n=anna@example.org',
      'p=tls-exporter,,n=anna@example.org,r=abc',
      'n,,m=ext,n=anna@example.org,r=abc',
      'n,,n=a=41,r=abc',
      'n,,n=,r=abc',
      `n,,n=anna@example.org,r=${'x'.repeat(200)}`,
    ]) {
      const talk = await open();
      assert.match(await talk.say(`AUTH SCRAM-SHA-256 ${base64(first)}`), /^501/, first);
      talk.socket.destroy();
    }
    for (const last of [
      (nonce: string) => `c=biws,r=${nonce}x,p=${base64('x'.repeat(32))}`,
      (nonce: string) => `c=eSws,r=${nonce},p=${base64('x'.repeat(32))}`,
      (nonce: string) => `c=biws,r=${nonce},p=${base64('x'.repeat(31))}`,
      (nonce: string) => `c=biws,r=${nonce}`,
      () => '',
    ]) {
      const talk = await open();
      const nonce = /r=([^,]+)/.exec(text(await begin(talk, 'anna@example.org')))?.[1] ?? '';
      assert.match(await talk.say(base64(last(nonce))), /^501/);
      talk.socket.destroy();
    }
    const talk = await open();
    await begin(talk, 'anna@example.org');
    assert.match(await talk.say('*'), /^501 5\.7\.0/);
    assert.match(await talk.say('NOOP'), /^250/);
    await talk.quit();
  });
});
