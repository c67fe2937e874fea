/** Customers who send through servers of others that their SPF record names. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { runInside } from '../support/command.ts';
import { Customers } from '../support/customers.ts';
import { DnsServer } from '../support/dns-server.ts';
import { clockSetTo } from '../support/set-clock.ts';
import { until } from '../support/until.ts';

const CLOUD = '127.0.10.1';
const HOST = '127.0.20.1';
const NOT_LET = '127.0.10.66';
const ELSEWHERE = '127.0.99.1';

describe('servers that customers share', () => {
  const dns = new DnsServer({
    '_spf.cloud.test': { txt: [['v=spf1 include:_one.cloud.test ', 'redirect=_two.cloud.test']] },
    '_one.cloud.test': { txt: ['v=spf1 -ip4:127.0.10.66 ip4:127.0.10.0/24 ?all'] },
    '_two.cloud.test': { txt: ['v=spf1 a:out.cloud.test ip4:127.0.30.0/24 ~all'] },
    'out.cloud.test': { a: [HOST] },
    'everybody.test': { txt: ['v=spf1 +all'] },
  });
  let customers: Customers;
  before(async () => {
    await dns.start();
    customers = await Customers.start(
      [
        { domain: 'example.org', account: '{ spf: _spf.cloud.test, smarthost: true }' },
        {
          domain: 'other.test',
          account: '{ spf: _spf.Cloud.test }, { ip: 127.0.10.9 }',
        },
        { domain: 'never.test', account: '{ spf: missing.test }' },
        { domain: 'all.test', account: '{ spf: everybody.test }' },
        { domain: 'none.test', account: '{ ip: 127.0.77.7 }' },
      ],
      { node: `dns: { servers: ["${dns.address}"] }\n` },
    );
    await customers.gateway.event('spf.change');
    await until(
      'both bad records to be told of',
      () => customers.gateway.events('spf.error').length === 2,
    );
  });
  after(async () => {
    await customers.stop();
    await dns.stop();
  });

  const outside = ['eve@elsewhere.test'];

  test('I10: the sender’s domain says whose mail it is', async () => {
    for (const from of [CLOUD, HOST, '127.0.30.7']) {
      const talk = await customers.talk(from);
      assert.match(await talk.say('MAIL FROM:<anna@example.org>'), /^250/, from);
      await talk.quit();
    }
    assert.match(await customers.send(CLOUD, 'anna@example.org'), /^250/);
    assert.match(await customers.send(CLOUD, 'bob@other.test'), /^250/);
    const accounts = customers.gateway.lines
      .filter(({ evt, acct }) => evt === 'msg.in' && acct !== undefined)
      .map(({ acct }) => acct);
    assert.ok(accounts.includes('spf:_spf.cloud.test/example.org'));
    assert.ok(accounts.includes('spf:_spf.cloud.test/other.test'));
  });

  test('who is there without a sender of such a customer is a stranger', async () => {
    for (const [address, from] of [
      [CLOUD, 'eve@stranger.test'],
      [CLOUD, 'x@none.test'],
      [CLOUD, 'x@sub.example.org'],
      [CLOUD, ''],
      [NOT_LET, 'anna@example.org'],
      [ELSEWHERE, 'anna@example.org'],
    ] as const) {
      const reply = await customers.send(address, from, { to: outside });
      assert.match(reply, /^550 5\.7\.1 Relaying denied/, `${address} ${from}`);
    }
  });

  test('the From field must be of the same customer', async () => {
    const talk = await customers.talk(CLOUD);
    const reply = await talk.send(
      'anna@example.org',
      ['eve@away.test'],
      'From: bob@other.test\r\nSubject: x\r\n\r\nHello\r\n',
    );
    assert.match(reply, /^550 5\.7\.1 .*\(sender\)$/);
    await talk.quit();
  });

  test('an address of one customer’s own is no other one’s', async () => {
    assert.match(await customers.send('127.0.10.9', 'bob@other.test'), /^250/);
    assert.match(await customers.send('127.0.10.9', 'anna@example.org'), /^550 5\.7\.1/);
  });

  test('nobody is sent away for good while it is not known who may send', async () => {
    for (const from of ['x@never.test', 'x@all.test']) {
      assert.match(await customers.send(CLOUD, from, { to: outside }), /^451 4\.7\.1/, from);
    }
    // To somebody here it may be mail of a stranger.
    assert.match(await customers.send(CLOUD, 'x@never.test'), /^250/);
  });

  test('people see the networks, and what is wrong with a record', async () => {
    const { configFile } = customers.gateway;
    const inside = (...args: string[]) => runInside(['account', ...args, '-c', configFile], {});
    const good = await inside('show', 'spf:_spf.cloud.test/example.org');
    assert.match(good.out, /^networks +\["127\.0\.10\.0\/24","127\.0\.20\.1\/32",/m);
    assert.match(good.out, /^by +spf$/m);
    const bad = await inside('list', 'all.test', '--json');
    assert.match(bad.out, /"fault":"everybody\.test lets everybody send"/);
    const { stdout } = await customers.gateway.cli('status', '--json');
    const { lost } = JSON.parse(stdout) as { lost: { record: string }[] };
    const records = lost.map(({ record }) => record);
    assert.deepEqual(records.toSorted(), ['everybody.test', 'missing.test']);
  });

  test('I11: a failed lookup changes nothing, over a restart too; a change counts', async () => {
    const { gateway } = customers;
    const { zones } = dns;
    const good = zones['_two.cloud.test'];
    zones['_two.cloud.test'] = 'servfail';
    await gateway.stop();
    await gateway.start(60_000, ...clockSetTo(Date.now() + 25 * 3600_000));
    await gateway.event('spf.error', ({ record }) => record === '_spf.cloud.test');
    assert.match(await customers.send(HOST, 'anna@example.org'), /^250/);
    const { stdout } = await gateway.cli('status');
    assert.match(
      stdout,
      /not found, so whose servers may send is old: .*_spf\.cloud\.test \(since 20.*: .*\)/,
    );
    zones['_two.cloud.test'] = { ...(good as object), txt: ['v=spf1 ip4:127.0.40.0/24 -all'] };
    gateway.signal('SIGHUP');
    await gateway.event('spf.change', ({ removed }) => removed !== undefined);
    assert.match(await customers.send('127.0.40.1', 'anna@example.org'), /^250/);
    assert.match(await customers.send(HOST, 'anna@example.org', { to: outside }), /^550 5\.7\.1/);
  });
});
