/** Who is blocked hears so at RCPT; who is allowed is not judged as spam, and no forger passes for him. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { DnsServer } from '../support/dns-server.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { PROXIED_LISTENER, proxiedClient, proxiedMail } from '../support/proxied-client.ts';
import type { ProxiedMail } from '../support/proxied-client.ts';

const PLUGINS = `
  - lists:
      block:
        - { who: 192.0.2.66 }
        - { who: bad.test }
        - { who: nagging.test, only_for: [anna@example.org] }
        - { who: past.test, until: 2020-01-01 }
      allow:
        - { who: 192.0.2.10, note: "the scanner in the hall" }
        - { who: friend.test }
        - { who: word.test, unproven: true }
        - { who: liked.test, only_for: [anna@example.org], unproven: true }
  - dns-lists: { clients: [{ zone: listed.test, score: 50 }] }
  - sender-auth: { dmarc: mark }
`;

const LISTED = { a: ['127.0.0.2'] };
const destination = new Destination();
const dns = new DnsServer({
  '10.2.0.192.listed.test': LISTED,
  '20.2.0.192.listed.test': LISTED,
  '21.2.0.192.listed.test': LISTED,
  'friend.test': { txt: [['v=spf1 ip4:192.0.2.20 -all']] },
});
let gateway: Gateway;
before(async () => {
  await destination.start();
  await dns.start();
  gateway = await Gateway.run({
    node: `dns: { servers: ["${dns.address}"] }`,
    listeners: PROXIED_LISTENER,
    plugins: PLUGINS,
    domains: {
      'example.org': domainFile(destination.port),
      'open.test': domainFile(
        destination.port,
        { lists: '{ allow: [{ who: bad.test, unproven: true }] }' },
        'open.test',
      ),
    },
  });
});
after(async () => {
  await gateway.remove();
  await destination.stop();
  await dns.stop();
});
beforeEach(() => {
  destination.arrived.length = 0;
  dns.asked.length = 0;
});

const send = (client: string, mail: Omit<ProxiedMail, 'client'> = {}) =>
  proxiedMail(gateway.port(), { client, ...mail });
const SPAM = /^550 5\.7\.1 .*score 50\.0 \(spam\)/;

test('a blocked sender or network is refused at RCPT, with its reason in reply, log and trace', async () => {
  assert.equal(await send('192.0.2.66'), '550 5.7.1 Your network is blocked here (blocked)');
  const reply = await send('192.0.2.1', { from: 'x@news.bad.test' });
  assert.equal(reply, '550 5.7.1 This sender is blocked here (blocked)');
  const line = await gateway.event('smtp.reject.rcpt');
  assert.equal(line['why'], 'blocked');
  const { stdout } = await gateway.cli('trace', String(line['id']));
  assert.match(stdout, /lists refuse BLOCKED \(blocked=192\.0\.2\.66\)/);
});

test('an entry is for its mailbox, until its last day, and a domain may take what is blocked', async () => {
  assert.match(await send('192.0.2.1', { from: 'x@nagging.test' }), /^550 .*\(blocked\)/);
  assert.match(await send('192.0.2.1', { from: 'x@nagging.test', to: 'eva@example.org' }), /^250/);
  assert.match(await send('192.0.2.1', { from: 'x@past.test' }), /^250/);
  assert.match(await send('192.0.2.1', { from: 'x@bad.test', to: 'a@open.test' }), /^250/);
});

test('an allowed network is not judged as spam, and no list is asked about it', async () => {
  assert.match(await send('192.0.2.21'), SPAM);
  assert.match(await send('192.0.2.10'), /^250/);
  assert.ok(!dns.asked.some((one) => one.includes('10.2.0.192.listed')));
  assert.doesNotMatch(String(destination.arrived.at(-1)?.content), /X-Sluice-Score/);
});

test('an allowed sender counts when he is proven, and a forger does not', async () => {
  assert.match(await send('192.0.2.20', { from: 'bob@friend.test' }), /^250/);
  assert.match(await send('192.0.2.21', { from: 'bob@friend.test' }), SPAM);
  const content = 'From: bob@friend.test\r\nSubject: hi\r\n\r\nhello\r\n';
  assert.match(await send('192.0.2.21', { from: 'x@other.test', content }), SPAM);
  assert.match(await send('192.0.2.21', { from: 'bob@word.test' }), /^250/);
});

test('who is allowed for one mailbox is judged for the others', async () => {
  const from = 'x@liked.test';
  assert.match(await send('192.0.2.21', { from }), /^250/);
  assert.match(await send('192.0.2.21', { from, to: 'eva@example.org' }), SPAM);
  for (const [first, second] of [
    ['anna', 'eva'],
    ['eva', 'anna'],
  ]) {
    const talk = await proxiedClient(gateway.port(), '192.0.2.21');
    await talk.reply();
    await talk.say('EHLO client.test');
    await talk.say(`MAIL FROM:<${from}>`);
    assert.match(await talk.say(`RCPT TO:<${first}@example.org>`), /^250/);
    assert.match(await talk.say(`RCPT TO:<${second}@example.org>`), /^452 4\.5\.3/);
    await talk.quit();
  }
});
