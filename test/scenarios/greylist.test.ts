/** Strangers with something against them come again once; nobody who is known waits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { domainFile } from '../support/domain-file.ts';
import { FilteredClients } from '../support/filtered-clients.ts';
import { proxiedClient } from '../support/proxied-client.ts';
import type { ProxiedMail } from '../support/proxied-client.ts';
import { until } from '../support/until.ts';

const CUSTOMER = '192.0.2.200';
const PLUGINS = `
  - lists: { allow: [{ who: 203.0.113.77 }, { who: friend.test }] }
  - dns-lists: { clients: [{ zone: listed.test, score: 2 }] }
  - greylist: { delay: 1h, from_score: 2 }
`;
const NAMED = { ptr: ['mail.named.test'] };

const OUTGOING = `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }`;
const rig = FilteredClients.of({
  dns: {
    'big.test': { txt: ['v=spf1 include:spf.big.test -all'] },
    'spf.big.test': { txt: ['v=spf1 ip4:198.51.100.0/28 ip6:2001:db8:b16::/48 ~all'] },
    'friend.test': { txt: ['v=spf1 ip4:203.0.113.90 -all'] },
    '1.30.51.198.in-addr.arpa': NAMED,
    '2.30.51.198.in-addr.arpa': NAMED,
    '2.30.51.198.listed.test': { a: ['127.0.0.2'] },
    '1.40.51.198.in-addr.arpa': 'servfail',
  },
  plugins: PLUGINS,
  domains: (port) => ({
    'example.org': domainFile(port, { outgoing: OUTGOING }),
    'quick.test': domainFile(port, { greylist: '{ delay: 3s }' }, 'quick.test'),
    'other.test': domainFile(port, {}, 'other.test'),
    'plain.test': domainFile(port, { services: '[relay, fallback]' }, 'plain.test'),
  }),
});

const send = (client: string, mail: Omit<ProxiedMail, 'client'> = {}) =>
  rig.send({ client, ...mail });
const LATER =
  /^451 4\.7\.1 You are not known here yet: please come again in (\d+) seconds \(greylist\)$/;
const taken = (client: string, mail: Omit<ProxiedMail, 'client'> = {}) =>
  until(`mail of ${client} to be taken`, async () =>
    (await send(client, mail)).startsWith('250') ? true : undefined,
  );

const quick = { to: 'bob@quick.test' };

test('a stranger comes again, from the same network and over a restart, and is known then', async () => {
  assert.equal(LATER.exec(await send('192.0.2.1'))?.[1], '3600');
  assert.equal(LATER.exec(await send('192.0.2.1', quick))?.[1], '3');
  const line = await rig.gateway.event('smtp.reject.rcpt', ({ to }) =>
    String(to).includes(quick.to),
  );
  assert.equal(line['why'], 'greylist');
  const { stdout } = await rig.gateway.cli('trace', String(line['id']));
  assert.match(stdout, /greylist defer GREYLISTED \(seconds=3\)/);
  assert.equal(rig.destination.arrived.length, 0);
  await rig.gateway.stop();
  await rig.gateway.start();
  await taken('192.0.2.2', quick);
  assert.match(await send('192.0.2.3', quick), /^250/);
  assert.match(await send('192.0.2.3', { ...quick, from: 'a@another.test' }), LATER);
  assert.match(await send('192.0.2.3', { to: 'x@other.test' }), LATER);
  await rig.gateway.stop();
  await rig.gateway.start();
  assert.match(await send('192.0.2.4', quick), /^250/);
});

test('servers that the SPF record of the sender names are one organisation', async () => {
  const from = 'news@big.test';
  const mail = { ...quick, from };
  assert.match(await send('198.51.100.1', mail), LATER);
  assert.match(await send('198.51.100.99', mail), LATER);
  await taken('2001:db8:b16::25', mail);
  assert.match(await send('198.51.100.2', { ...quick, from: 'b@big.test' }), /^250/);
  assert.match(await send('203.0.113.5', mail), LATER);
});

test('mail with nothing against it is taken, and its network is known from then on', async () => {
  assert.match(await send('198.51.30.1', { from: 'a@named.test' }), /^250/);
  await until('it to be known', async () =>
    (await send('198.51.30.2', { from: 'a@named.test' })).startsWith('250') ? true : undefined,
  );
  assert.match(await send('198.51.40.1', { from: 'a@named.test' }), /^250/);
});

test('points of filters before count as much as an address without a name', async () => {
  assert.match(await send('198.51.30.2', { from: 'a@points.test' }), LATER);
  assert.match(await send('198.51.30.2', { from: 'a@points.test', to: 'x@plain.test' }), /^250/);
});

test('somebody to whom a customer has written does not wait, nor who is allowed', async () => {
  const from = 'Partner@wrote.test';
  assert.match(await send('203.0.113.8', { from }), LATER);
  assert.match(
    await send(CUSTOMER, { from: 'anna@example.org', to: 'partner@wrote.test' }),
    /^250/,
  );
  await until('it to be learnt', async () =>
    (await send('203.0.113.9', { from })).startsWith('250') ? true : undefined,
  );
  assert.match(await send('203.0.114.9', { from, to: 'x@other.test' }), LATER);
  assert.match(await send('203.0.114.9', { from: 'other@wrote.test' }), LATER);
  assert.match(await send('203.0.113.77', { from: 'a@unknown.test' }), /^250/);
  assert.match(await send('203.0.113.90', { from: 'a@friend.test' }), /^250/);
  assert.match(await send('203.0.113.91', { from: 'a@friend.test' }), LATER);
});

test('postmaster takes mail from everybody, and questions about a recipient are answered', async () => {
  const talk = await proxiedClient(rig.gateway.port(), '203.0.115.1');
  await talk.reply();
  await talk.say('EHLO asking.test');
  await talk.say('MAIL FROM:<>');
  assert.match(await talk.say('RCPT TO:<anna@example.org>'), /^250/);
  assert.match(await talk.say('DATA'), LATER);
  await talk.quit();
  assert.match(
    await send('203.0.115.2', { from: 'a@x.test', to: 'postmaster@other.test' }),
    /^250/,
  );
});
