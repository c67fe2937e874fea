/**
 * A3 I1: never an open relay. A stranger tries on every listener what is known to open badly kept ones:
 * names, forged clients, half a login, tricks in addresses. Everything that got out would go to one
 * server, which must have seen nothing in the end.
 */
import assert from 'node:assert/strict';
import { connect as connectTls } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { formatPasswordHash, hashPassword } from '../../src/base/password-hash.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';

const PASSWORD = 'correct horse';
/** An account by address, and a proxy that is believed; the stranger is neither. */
const CUSTOMER = '127.0.0.80';
const PROXY = '127.0.0.2';
const base64 = (text: string) => Buffer.from(text).toString('base64');

const SENDERS = ['', 'anna@example.org', 'x@elsewhere.test', 'postmaster@mx.sluice.test'];
const RECIPIENTS = [
  'eve@one.test',
  'eve%one.test@example.org',
  'eve%one.test@example.com', // an alias
  'one.test!eve@example.org',
  'example.org!one.test!eve',
  '"eve@one.test"@example.org',
  '"eve@one.test"',
  'eve%one.test',
  'eve%one.test@mx.sluice.test',
  'eve%one.test@[127.0.0.1]',
  'eve@[127.0.0.11]',
  'eve@[IPv6:::1]',
  'eve@example.org@one.test',
  'eve@one.test@example.org',
  '@example.org:eve@one.test',
  '@example.org,@mx.sluice.test:eve@one.test',
  'eve@one.test.',
  'eve@one.test\0@example.org',
  'eve@one.test,anna@example.org',
  'anna@example.org> <eve@one.test',
];

/** Well below the errors that a session may make. */
const FEW = 5;

type Attempt = (talk: SmtpTalk) => Promise<void>;

const says =
  (...lines: readonly string[]): Attempt =>
  async (talk) => {
    for (const line of lines) if (!talk.isClosed) await talk.say(line);
  };

/** What a stranger does before MAIL. */
const ATTEMPTS: Readonly<Record<string, Attempt>> = {
  'says nothing more': says(),
  'has the name of the customer': says('EHLO mail.example.org'),
  'has the name of the gateway': says('EHLO mx.sluice.test'),
  'has the address of the customer as its name': says(`EHLO [${CUSTOMER}]`),
  'is an old client': says('HELO example.org'),
  'claims another address by XCLIENT': says(
    `XCLIENT ADDR=${CUSTOMER} LOGIN=anna@example.org`,
    'EHLO mail.example.org',
  ),
  'claims another address by XFORWARD': says(`XFORWARD ADDR=${CUSTOMER}`),
  'claims another address by PROXY': says(`PROXY TCP4 ${CUSTOMER} 127.0.0.1 4711 25`),
  'gives a password up': says('AUTH PLAIN', '*'),
  'acts for somebody else': says(`AUTH PLAIN ${base64(`anna@example.org\0x\0${PASSWORD}`)}`),
  'invents a mechanism': says('AUTH ANONYMOUS dHJhY2U=', 'AUTH EXTERNAL ='),
  'begins anew': says('MAIL FROM:<anna@example.org>', 'RSET'),
  'asks about addresses first': says('VRFY eve@one.test', 'EXPN eve', 'ETRN one.test'),
};

describe('A3 I1: a stranger cannot relay', () => {
  const world = new Destination();
  const destination = new Destination();
  let gateway: Gateway;
  before(async () => {
    await world.start();
    await destination.start();
    const hash = formatPasswordHash(await hashPassword(Buffer.from(PASSWORD)));
    const accounts = `[{ ip: ${CUSTOMER} }, { user: anna@example.org, password: "${hash}" }]`;
    const outgoing = `{ enabled: true, accounts: ${accounts} }`;
    gateway = await Gateway.run({
      node: `delivery: { smarthost: "127.0.0.1:${world.port}" }\nlimits: { unknown_recipients: 1000, harvest_exempt: [127.0.0.0/8] }`,
      listeners: `[
        { name: mx, address: "127.0.0.1:0", xclient: [${PROXY}] },
        { name: balanced, address: "127.0.0.1:0", proxy_protocol: [${PROXY}] },
        { name: submission, address: "127.0.0.1:0", auth: required },
        { name: optional, address: "127.0.0.1:0", auth: optional },
        { name: submissions, address: "127.0.0.1:0", tls: implicit, auth: required }]`,
      domains: {
        'example.org': domainFile(destination.port, { aliases: '[example.com]', outgoing }),
      },
    });
  });
  after(async () => {
    await gateway.remove();
    await world.stop();
    await destination.stop();
  });

  /** After EHLO, within TLS wherever a login would be possible. */
  async function open(listener: string): Promise<SmtpTalk> {
    const port = gateway.port(listener);
    if (listener === 'submissions') {
      const talk = SmtpTalk.on(connectTls({ port, rejectUnauthorized: false }));
      await talk.reply();
      await talk.say('EHLO stranger.test');
      return talk;
    }
    const talk = await SmtpTalk.greeted(port, 'stranger.test');
    if (!['submission', 'optional'].includes(listener)) return talk;
    assert.match(await talk.say('STARTTLS'), /^220/);
    const secure = SmtpTalk.on(connectTls({ socket: talk.socket, rejectUnauthorized: false }));
    await secure.say('EHLO stranger.test');
    return secure;
  }

  /** Nothing for the outside may be taken. */
  async function refused(
    talk: SmtpTalk,
    sender: string,
    recipients: readonly string[],
    what: string,
  ): Promise<void> {
    await talk.say(`MAIL FROM:<${sender}>`);
    for (const recipient of recipients) {
      const reply = await talk.say(`RCPT TO:<${recipient}>`);
      assert.match(reply, /^5\d\d /, `${what}: ${sender} to ${recipient}`);
    }
    assert.match(await talk.say('DATA'), /^5\d\d /, what);
  }

  for (const listener of ['mx', 'balanced', 'submission', 'optional', 'submissions']) {
    test(`on ${listener}, whatever the addresses`, async () => {
      for (const sender of SENDERS) {
        // Who makes more mistakes than these is shut out.
        for (let at = 0; at < RECIPIENTS.length; at += FEW) {
          const talk = await open(listener);
          await refused(talk, sender, RECIPIENTS.slice(at, at + FEW), 'a stranger');
          await talk.quit();
        }
      }
    });

    test(`on ${listener}, whatever it does before`, async () => {
      for (const [what, attempt] of Object.entries(ATTEMPTS)) {
        let talk = await open(listener);
        await attempt(talk);
        // What only a hostile client says may have cost it the connection.
        if (talk.isClosed) talk = await open(listener);
        await refused(talk, 'anna@example.org', RECIPIENTS.slice(0, 3), what);
        await talk.quit();
      }
    });
  }

  test('with a wrong password, answered late', async () => {
    const talk = await open('optional');
    const guess = base64('\0anna@example.org\0wrong');
    assert.match(await talk.say(`AUTH PLAIN ${guess}`), /^535 5\.7\.8/);
    await refused(talk, 'anna@example.org', RECIPIENTS.slice(0, 3), 'a wrong password');
    await talk.quit();
  });

  test('nor behind a recipient of ours, nor with parameters, nor in one breath', async () => {
    const talk = await open('mx');
    assert.match(await talk.say('MAIL FROM:<x@elsewhere.test>'), /^250/);
    assert.match(await talk.say('RCPT TO:<anna@example.org>'), /^250/);
    assert.match(await talk.say('RCPT TO:<eve@one.test>'), /^550 5\.7\.1 .*\(relay_denied\)$/);
    const forged = 'X-Original-To: eve@one.test\r\nBcc: eve@one.test\r\nResent-To: eve@one.test';
    assert.match(await talk.say('DATA'), /^354/);
    talk.write(`${forged}\r\n\r\nHello\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<eve@one.test>\r\nDATA\r\n`);
    assert.match(await talk.reply(), /^250 2\.0\.0 Ok: \S+ delivered/);
    assert.match(await talk.reply(), /^250/);
    assert.match(await talk.reply(), /^550 5\.7\.1/);
    assert.match(await talk.reply(), /^554/);
    await talk.say('RSET');
    await talk.say('MAIL FROM:<anna@example.org> AUTH=anna@example.org');
    const orcpt = 'RCPT TO:<eve@one.test> ORCPT=rfc822;anna@example.org';
    assert.match(await talk.say(orcpt), /^5\d\d /);
    await talk.quit();
    assert.deepEqual(
      destination.arrived.map(({ to }) => to),
      [['anna@example.org']],
    );
  });

  test('nor with a login from before, in the clear or given up by another client', async () => {
    const login = `AUTH PLAIN ${base64(`\0anna@example.org\0${PASSWORD}`)}`;
    const clear = await SmtpTalk.greeted(gateway.port('submission'));
    assert.match(await clear.say(login), /^530 5\.7\.0/);
    await refused(clear, 'anna@example.org', RECIPIENTS.slice(0, 2), 'a login in the clear');
    assert.match(await clear.say('STARTTLS'), /^220/);
    const secure = SmtpTalk.on(connectTls({ socket: clear.socket, rejectUnauthorized: false }));
    await secure.say('EHLO stranger.test');
    await refused(secure, 'anna@example.org', RECIPIENTS.slice(0, 2), 'a login before STARTTLS');
    assert.match(await secure.say(login), /^235/);
    // Logged in it sends as the customer, and as nobody else.
    for (const sender of SENDERS.filter((one) => one !== '' && one !== 'anna@example.org')) {
      assert.match(await secure.say(`MAIL FROM:<${sender}>`), /^550 5\.7\.1 .*\(sender\)$/, sender);
    }
    await secure.quit();

    // A proxy that is believed speaks for the customer, then for a stranger.
    const proxy = await SmtpTalk.greeted(gateway.port('mx'), 'proxy.test', PROXY);
    assert.match(await proxy.say(`XCLIENT ADDR=${CUSTOMER}`), /^220/);
    await proxy.say('EHLO mail.example.org');
    assert.match(await proxy.say('MAIL FROM:<anna@example.org>'), /^250/);
    await proxy.say('RSET');
    assert.match(await proxy.say('XCLIENT ADDR=192.0.2.99'), /^220/);
    await proxy.say('EHLO stranger.test');
    await refused(proxy, 'anna@example.org', RECIPIENTS.slice(0, 3), 'after a customer');
    await proxy.quit();
  });

  test('and the world has not heard of any of it', () => {
    assert.deepEqual(world.arrived, []);
    assert.deepEqual(world.rcptAsked, []);
    assert.ok(destination.rcptAsked.every((one) => one === 'anna@example.org'));
  });
});
