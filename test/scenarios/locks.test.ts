/** Locks of accounts and identities through the running program. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTransport } from 'nodemailer';
import { formatPasswordHash, hashPassword } from '../../src/base/password-hash.ts';
import { runInside } from '../support/command.ts';
import { Customers } from '../support/customers.ts';

const SERVER = '127.0.1.1';
const OTHER = '127.0.1.2';
const SMARTHOST = '127.0.1.3';
const HEADER = '127.0.1.4';
const BRIEF = '127.0.1.5';
const QUICK = '127.0.1.6';
const NAMES = '127.0.1.7';
const PASSWORD = 'correct horse';
const LOCKED = /^550 5\.7\.1 .*\(locked\)$/;

describe('locks', () => {
  let customers: Customers;

  before(async () => {
    const hash = formatPasswordHash(await hashPassword(Buffer.from(PASSWORD)));
    customers = await Customers.start(
      [
        { domain: 'whole.test', account: `{ ip: ${SERVER}, auto_lock: true }` },
        { domain: 'each.test', account: `{ ip: ${OTHER}, auto_lock: true, identity: sender }` },
        {
          domain: 'smart.test',
          account: `{ ip: ${SMARTHOST}, smarthost: true, auto_lock: true, lock_after: { messages: 2 } }`,
        },
        {
          domain: 'header.test',
          account: `{ ip: ${HEADER}, identity: { header: [X-Client-ID], pattern: '^c(\\d+)', remove: true } }`,
        },
        {
          domain: 'brief.test',
          account: `{ ip: ${BRIEF}, auto_lock: true, lock_after: { messages: 1, within: 1m } }`,
        },
        {
          domain: 'quick.test',
          account: `{ ip: ${QUICK}, auto_lock: true, lock_after: { messages: 1, within: 1s }, max_auto_unlocks: 0 }`,
        },
        {
          domain: 'names.test',
          account: `{ ip: ${NAMES}, auto_lock: true, identity: { header: [X-Client-ID] }, lock_after: { messages: 1 } }`,
        },
        {
          domain: 'user.test',
          account: `{ user: anna@user.test, password: "${hash}", identity: login, auto_lock_identities: false }`,
        },
      ],
      {
        node: 'alerts: { after: 0s, free_space: null }\n',
        listeners:
          '[{ name: mx, address: "127.0.0.1:0" }, { name: submission, address: "127.0.0.1:0", auth: required }]',
      },
    );
  });
  after(() => customers.stop());

  async function spam(address: string, from: string, count: number, header = ''): Promise<void> {
    for (let i = 0; i < count; i++) {
      const reply = await customers.send(address, from, { body: 'SPAM', header });
      assert.match(reply, /^550 5\.7\.1 .*\(spam\)$/);
    }
  }

  test('I25: more than five spam messages within ten minutes lock the account, at once', async () => {
    const open = await customers.talk(SERVER);
    await spam(SERVER, 'a@whole.test', 5);
    assert.match(await customers.send(SERVER, 'a@whole.test'), /^250/);
    await spam(SERVER, 'b@whole.test', 1);
    assert.match(await customers.send(SERVER, 'a@whole.test'), LOCKED);
    assert.match(await open.say('MAIL FROM:<c@whole.test>'), LOCKED);
    await open.quit();
    const line = await customers.gateway.event('acct.lock');
    assert.equal(line['acct'], SERVER);
    assert.equal(line['cause'], 'spam');
    assert.equal(line['ident'], undefined);
    assert.ok(Date.parse(String(line['until'])) - Date.now() > 50 * 60_000);
  });

  test('I25: viruses count like spam, and a lock survives a restart', async () => {
    for (let i = 0; i < 2; i++) {
      const reply = await customers.send(BRIEF, 'a@brief.test', { body: 'VIRUS' });
      assert.match(reply, /^554 5\.7\.1 .*\(virus\)$/);
    }
    assert.match(await customers.send(BRIEF, 'a@brief.test'), LOCKED);
    await customers.gateway.kill();
    await customers.gateway.start();
    assert.match(await customers.send(BRIEF, 'a@brief.test'), LOCKED);
  });

  test('I25 I29: in real time strikes lapse, and a lock ends by itself', async () => {
    const { configFile } = customers.gateway;
    const lock = ['account', 'lock', QUICK, '--for', '1s', '-c', configFile];
    assert.equal((await runInside(lock, { now: Date.now() })).code, 0);
    assert.match(await customers.send(QUICK, 'a@quick.test'), LOCKED);
    await sleep(1100);
    await spam(QUICK, 'a@quick.test', 1);
    await sleep(1100);
    await spam(QUICK, 'a@quick.test', 1);
    assert.match(await customers.send(QUICK, 'a@quick.test'), /^250/);
    await spam(QUICK, 'a@quick.test', 1);
    assert.match(await customers.send(QUICK, 'a@quick.test'), LOCKED);
  });

  test('I30: after the last automatic unlock a lock waits for a person', async () => {
    const line = await customers.gateway.event(
      'acct.lock',
      ({ acct, cause }) => acct === QUICK && cause === 'spam',
    );
    assert.equal(line['until'], undefined);
    const unlock = ['account', 'unlock', QUICK, '-c', customers.gateway.configFile];
    assert.equal((await runInside(unlock, { now: Date.now() })).code, 0);
    assert.match(await customers.send(QUICK, 'a@quick.test'), /^250/);
  });

  test('I21 I26: the identity is locked, and the account goes on', async () => {
    await spam(OTHER, 'Bad@each.test', 6);
    assert.match(await customers.send(OTHER, 'bad@each.test'), LOCKED);
    assert.match(await customers.send(OTHER, 'good@each.test'), /^250/);
    const line = await customers.gateway.event('ident.lock', ({ acct }) => acct === OTHER);
    assert.equal(line['ident'], 'bad@each.test');
    // What the culprit did is not held against the others.
    await spam(OTHER, 'good@each.test', 5);
    assert.match(await customers.send(OTHER, 'good@each.test'), /^250/);
    const ledger = await customers.gateway.event(
      'msg.in',
      ({ from, res }) => from === 'good@each.test' && res === 'accept',
    );
    assert.equal(ledger['ident'], 'good@each.test');
    assert.equal(ledger['acct'], OTHER);
  });

  test('I26: spam from many identities locks the account', async () => {
    await spam(OTHER, 'one@each.test', 1);
    assert.match(await customers.send(OTHER, 'two@each.test'), LOCKED);
  });

  test('I26: who goes on under the name that is locked, or under ever new ones, locks the account', async () => {
    const as = (name: string, count: number) =>
      spam(NAMES, 'a@names.test', count, `X-Client-ID: ${name}\r\n`);
    const { gateway } = customers;
    await as('one', 2);
    await as('two', 1);
    const header = 'X-Client-ID: one\r\n';
    assert.match(await customers.send(NAMES, 'a@names.test', { body: 'SPAM', header }), LOCKED);
    await as('three', 1);
    assert.match(await customers.send(NAMES, 'a@names.test'), LOCKED);
    await gateway.cli('account', 'unlock', NAMES);
    assert.match(await customers.send(NAMES, 'a@names.test'), /^250/);
    await as('four', 2);
    assert.match(await customers.send(NAMES, 'a@names.test'), /^250/);
    await as('five', 2);
    assert.match(await customers.send(NAMES, 'a@names.test'), LOCKED);
    const lines = gateway.events('acct.lock').filter(({ acct }) => acct === NAMES);
    assert.deepEqual(
      lines.map(({ cause }) => cause),
      ['spam', 'spam'],
    );
  });

  test('I27: a smarthost is never locked as a whole, only its sender', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await spam(SMARTHOST, `${name}@smart.test`, 2);
    await spam(SMARTHOST, 'bad@smart.test', 3);
    assert.match(await customers.send(SMARTHOST, 'bad@smart.test'), LOCKED);
    assert.match(await customers.send(SMARTHOST, 'good@smart.test'), /^250/);
    // The null reverse-path is one as well, or who sends from it could never be locked.
    const talk = await customers.talk(SMARTHOST);
    const bounce = (text: string) =>
      talk.send('', ['eve@away.test'], `From: a@smart.test\r\n\r\n${text}\r\n`);
    for (let i = 0; i < 3; i++) assert.match(await bounce('SPAM'), /^550 .*\(spam\)$/);
    assert.match(await bounce('Hello'), LOCKED);
    await customers.gateway.event('ident.lock', ({ ident }) => ident === '<>');
    await talk.quit();
    assert.match(await customers.send(SMARTHOST, 'good@smart.test'), /^250/);
    const whole = customers.gateway.events('acct.lock').filter(({ acct }) => acct === SMARTHOST);
    assert.deepEqual(whole, []);
  });

  test('I22: an identity in a header field, taken out by a pattern and removed', async () => {
    const header = 'X-Client-ID: c42-x\r\n';
    assert.match(await customers.send(HEADER, 'a@header.test', { header }), /^250/);
    const content = String(customers.destination.arrived.at(-1)?.content);
    assert.match(content, /\r\nFrom: a@header\.test\r\nSubject: hi\r\n\r\nHello\r\n$/);
    assert.doesNotMatch(content, /X-Client-ID/);
    const line = await customers.gateway.event('msg.in', ({ ident }) => ident === '42');
    assert.equal(line['acct'], HEADER);
    await spam(HEADER, 'a@header.test', 6, header);
    assert.match(await customers.send(HEADER, 'a@header.test', { header }), LOCKED);
    // Spam of a locked sender is not kept back again and again.
    assert.match(await customers.send(HEADER, 'a@header.test', { header, body: 'SPAM' }), LOCKED);
    const other = { header: 'X-Client-ID: c43\r\n' };
    assert.match(await customers.send(HEADER, 'a@header.test', other), /^250/);
  });

  test('I24: identities are listed, locked, unlocked and reset by command', async () => {
    const { gateway } = customers;
    const list = await gateway.cli('identity', 'list', HEADER, '--json');
    const rows = list.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const locked = rows.find(({ identity }) => identity === '42');
    assert.deepEqual(
      [
        locked.kind,
        locked.domain,
        locked.account,
        locked.locked,
        locked.today,
        locked.auto_unlocks,
      ],
      ['identity', 'header.test', HEADER, true, 1, 0],
    );
    assert.match(locked.lock.text, /^more than 5 spam messages within 10 min$/);
    assert.match((await gateway.cli('identity', 'list')).stdout, /^DOMAIN .*IDENTITY .*REASON/);

    const unlock = await gateway.cli('identity', 'unlock', HEADER, '42');
    assert.equal(unlock.stdout, '42 unlocked\n');
    const header = 'X-Client-ID: c42\r\n';
    assert.match(await customers.send(HEADER, 'a@header.test', { header }), /^250/);
    assert.equal((await gateway.cli('identity', 'unlock', HEADER, '42')).code, 1);

    const open = await customers.talk(HEADER);
    const lock = await gateway.cli(
      'identity',
      'lock',
      HEADER,
      '42',
      '--for',
      '30m',
      '--why',
      'odd',
    );
    assert.match(lock.stdout, /^42 locked until 20\d\d-/);
    const reply = await open.send(
      'a@header.test',
      ['eve@away.test'],
      `${header}From: a@header.test\r\n\r\nx`,
    );
    assert.match(reply, LOCKED);
    await open.quit();
    assert.equal((await gateway.cli('identity', 'reset', HEADER, '42')).stdout, '42 reset\n');
    const after = await gateway.cli('identity', 'list', HEADER, '--json');
    const reset = after.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const one = reset.find(({ identity }) => identity === '42');
    assert.deepEqual([one.today, one.locked, one.lock.text], [0, true, 'odd']);
  });

  test('I25: whoever runs the gateway hears of an account that it has locked', async () => {
    const alert = await customers.gateway.event('alert.raise', ({ subject }) => subject === SERVER);
    assert.equal(alert['alert'], 'account_locked');
    assert.match(String(alert['text']), /more than 5 spam messages within 10 min/);
  });

  test('I30: an account is locked and unlocked by command', async () => {
    const { gateway } = customers;
    assert.match((await gateway.cli('account', 'unlock', SERVER)).stdout, / unlocked\n$/);
    const open = await customers.talk(SERVER);
    assert.match(await open.say('MAIL FROM:<a@whole.test>'), /^250/);
    await open.say('RSET');
    assert.match(await customers.send(SERVER, 'a@whole.test'), /^250/);
    await gateway.cli('account', 'lock', SERVER);
    assert.match(await open.say('MAIL FROM:<a@whole.test>'), LOCKED);
    await open.quit();
    const list = await gateway.cli('account', 'list', 'whole.test', '--json');
    const row = JSON.parse(list.stdout);
    // What the kill above found unwritten is not in it: it has no limit.
    assert.deepEqual([row.state, row.lock.text, row.today], ['locked', 'locked by hand', 1]);
    assert.equal((await gateway.cli('account', 'unlock', SERVER)).code, 0);
    assert.match(await customers.send(SERVER, 'a@whole.test'), /^250/);
    assert.equal((await gateway.cli('account', 'lock', 'nobody@whole.test')).code, 1);
  });

  test('I20 I25: an account that is locked cannot log in', async () => {
    const submit = (text: string) => {
      const transport = createTransport({
        ...{ host: '127.0.0.1', port: customers.gateway.port('submission'), requireTLS: true },
        tls: { rejectUnauthorized: false },
        auth: { user: 'Anna@user.test', pass: PASSWORD },
      });
      const mail = { from: 'anna@user.test', to: 'eve@away.test', subject: 'hi', text };
      return transport.sendMail(mail).finally(() => transport.close());
    };
    await submit('Hello');
    const line = await customers.gateway.event('msg.in', ({ acct }) => acct === 'anna@user.test');
    assert.equal(line['ident'], 'anna@user.test');
    for (let i = 0; i < 6; i++) await assert.rejects(submit('SPAM'), /550 5\.7\.1/);
    await assert.rejects(submit('Hello'), /535 5\.7\.1 .*\(locked\)/);
    const refused = await customers.gateway.event('smtp.auth.fail');
    assert.equal(refused['why'], 'locked');
  });
});
