/** As whom customers may send: envelope and From, domains of nobody here, several behind one address. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { formatPasswordHash, hashPassword } from '../../src/base/password-hash.ts';
import { Customers } from '../support/customers.ts';

const PLAIN = '127.0.0.80';
const MANY = '127.0.0.81';
const FRIEND = '127.0.0.82';
const FREE = '127.0.0.83';

describe('senders of customers', () => {
  let customers: Customers;
  before(async () => {
    const hash = formatPasswordHash(await hashPassword(Buffer.from('correct horse')));
    customers = await Customers.start([
      {
        domain: 'example.org',
        account: `{ ip: ${PLAIN} }`,
        more: { aliases: '[example.com]' },
      },
      { domain: 'many.test', account: `{ ip: ${MANY}, reauthentication: true }` },
      {
        domain: 'one.test',
        account: `{ domain: true, password: "${hash}" }, { user: anna@one.test, password: "${hash}", lock_after: { messages: 1 } }`,
        more: { aliases: '[uno.test]' },
      },
      { domain: 'byaddress.test', account: '{ ip: 127.0.0.90 }' },
      { domain: 'friend.test', account: `{ ip: ${FRIEND}, other_domains: [Other.test] }` },
      { domain: 'free.test', account: `{ ip: ${FREE}, other_domains: true }` },
    ]);
  });
  after(() => customers.stop());

  async function send(address: string, reversePath: string, header: string): Promise<string> {
    const talk = await customers.talk(address);
    try {
      return await talk.send(
        reversePath,
        ['eve@away.test'],
        `${header}Subject: x\r\n\r\nHello\r\n`,
      );
    } finally {
      await talk.quit().catch(() => undefined);
    }
  }

  test('I18: From and Sender name the customer’s domains and no other, whatever people are shown', async () => {
    for (const from of [
      'anna@example.org',
      'bob@EXAMPLE.com, Anna <anna@example.org>',
      '"the boss (boss@bank.test)" <anna@example.org>',
      '=?utf-8?q?boss=40bank=2etest?= <anna@example.org>',
    ]) {
      assert.match(await send(PLAIN, 'anna@example.org', `From: ${from}\r\n`), /^250/, from);
    }
    const sender = 'Sender: The office <office@EXAMPLE.com>\r\n';
    const sent = await send(PLAIN, 'anna@example.org', `From: anna@example.org\r\n${sender}`);
    assert.match(sent, /^250/);
    for (const header of [
      'From: boss@bank.test\r\n',
      'From: anna@example.org, boss@bank.test\r\n',
      'From: anna@sub.example.org\r\n',
      'From: bob@one.test\r\n',
      'From: friends: anna@example.org;\r\n',
      'From: <boss@bank.test> <anna@example.org>\r\n',
      'From: <@bank.test:anna@example.org>\r\n',
      'From: "anna@example.org" <boss@bank.test>\r\n',
      'From: anna\r\n',
      'From:\r\n',
      'From: anna@example.org\r\nFrom: boss@bank.test\r\n',
      'From: anna@example.org\r\nfrom : boss@bank.test\r\n',
      'Fr\u00f6m: anna@example.org\r\n',
      'From: anna@example.org\r\nSender: boss@bank.test\r\n',
      'From: anna@example.org\r\nSender: bob@one.test\r\n',
      'From: anna@example.org\r\nSender:\r\n',
      'From: anna@example.org\r\nSender: bob@example.org\r\nsender: boss@bank.test\r\n',
      '',
    ]) {
      const reply = await send(PLAIN, 'anna@example.org', header);
      assert.match(
        reply,
        /^550 5\.7\.1 Client is account .* of example\.org: .*\(sender\)$/,
        header,
      );
    }
    const refused = await customers.gateway.event('smtp.reject.data');
    assert.equal(refused['why'], 'sender');
    assert.equal(refused['dir'], 'out');
  });

  test('H8: bounces may carry the name of the customer’s server, and of nobody else', async () => {
    for (const from of ['MAILER-DAEMON@mail.example.org', 'postmaster@example.com']) {
      assert.match(await send(PLAIN, '', `From: ${from}\r\n`), /^250/, from);
    }
    for (const from of ['boss@bank.test', 'bob@one.test', 'x@org', 'x@notexample.org']) {
      assert.match(await send(PLAIN, '', `From: ${from}\r\n`), /^550 5\.7\.1 .*\(sender\)$/, from);
    }
  });

  test('other domains: those that are listed, or any that is nobody’s here', async () => {
    const both = (address: string, from: string) => send(address, from, `From: ${from}\r\n`);
    assert.match(await both(FRIEND, 'x@other.test'), /^250/);
    assert.match(await both(FRIEND, 'x@OTHER.test'), /^250/);
    assert.match(await both(FRIEND, 'x@sub.other.test'), /^550 5\.7\.1 .*\(sender\)$/);
    assert.match(await both(FRIEND, 'x@else.test'), /^550 5\.7\.1 .*\(sender\)$/);
    assert.match(await both(FREE, 'x@else.test'), /^250/);
    assert.match(await send(FREE, 'x@free.test', 'From: x@else.test\r\n'), /^250/);
    for (const hosted of ['x@example.org', 'x@example.com', 'x@one.test']) {
      assert.match(await both(FREE, hosted), /^550 5\.7\.1 .*\(sender\)$/, hosted);
      const author = await send(FREE, 'x@free.test', `From: ${hosted}\r\n`);
      assert.match(author, /^550 5\.7\.1 .*\(sender\)$/, hosted);
    }
  });

  test('I9 K3: several domains behind one address: each mail is the sending domain’s own account’s', async () => {
    const cases = [
      ['x@many.test', MANY, 'many.test', undefined],
      ['bob@one.test', 'one.test', 'one.test', MANY],
      ['anna@one.test', 'anna@one.test', 'one.test', MANY],
      ['Anna@UNO.test', 'anna@one.test', 'one.test', MANY],
    ] as const;
    for (const [sender, account, domain, via] of cases) {
      assert.match(await send(MANY, sender, `From: ${sender}\r\n`), /^250/, sender);
      const entry = await customers.gateway.event('msg.in', (line) => line['from'] === sender);
      assert.deepEqual([entry['acct'], entry['via']], [account, via], sender);
      const { stdout } = await customers.gateway.cli(
        ...['trace', '--domain', domain, '--from', sender, '--json'],
      );
      assert.match(stdout, new RegExp(`"account":"${account}"`), sender);
    }
    // Not by who has no account that could be asked for, nor under the name of another one.
    const refused = /^550 5\.7\.1 .*\(sender\)$/;
    assert.match(await send(MANY, 'x@byaddress.test', 'From: x@byaddress.test\r\n'), refused);
    assert.match(await send(MANY, 'x@away.test', 'From: x@away.test\r\n'), refused);
    assert.match(await send(MANY, 'bob@one.test', 'From: x@many.test\r\n'), refused);
    assert.match(await send(MANY, 'x@many.test', 'From: bob@one.test\r\n'), refused);
    assert.match(await send(MANY, '', 'From: postmaster@one.test\r\n'), /^250/);
    // And from no address but that one.
    assert.match(await send(PLAIN, 'bob@one.test', 'From: bob@one.test\r\n'), refused);
  });

  test('I9 I25: spam locks the sending domain’s account behind the shared address, and it alone', async () => {
    const from = (sender: string) => send(MANY, sender, `From: ${sender}\r\nX: SPAM\r\n`);
    assert.match(await from('anna@one.test'), /^550 5\.7\.1 .*\(spam\)$/);
    assert.match(await from('anna@one.test'), /^550 5\.7\.1 .*\(spam\)$/);
    const locked = await send(MANY, 'anna@one.test', 'From: anna@one.test\r\n');
    assert.match(locked, /^550 5\.7\.1 .*\(locked\)$/);
    assert.match(await send(MANY, 'bob@one.test', 'From: bob@one.test\r\n'), /^250/);
    assert.match(await send(MANY, 'x@many.test', 'From: x@many.test\r\n'), /^250/);
  });
});
