/** Clients behind a proxy count as themselves everywhere: in the log, in Received, as accounts. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { formatPasswordHash, hashPassword } from '../../src/base/password-hash.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';

const MAIL = 'From: a@example.org\r\nSubject: hi\r\n\r\nHello\r\n';
/** What the configuration calls a proxy, and a stranger. */
const PROXY = '127.0.0.2';
const STRANGER = '127.0.0.1';

const destination = new Destination();
/** Trusts us to say for whom mail comes. */
const trusting = new Destination({ offers: ['XCLIENT NAME ADDR HELO', '8BITMIME'] });
let gateway: Gateway;
before(async () => {
  await destination.start();
  await trusting.start();
  const hash = formatPasswordHash(await hashPassword(Buffer.from('secret')));
  const accounts = `[{ ip: 198.51.100.20/32 }, { user: anna@example.org, password: "${hash}" }]`;
  const outgoing = `{ enabled: true, accounts: ${accounts} }`;
  gateway = await Gateway.run({
    node: `delivery: { smarthost: "127.0.0.1:${destination.port}" }`,
    listeners: `[{ name: balanced, address: "127.0.0.1:0", proxy_protocol: [${PROXY}] }, { name: filtered, address: "127.0.0.1:0", xclient: [${PROXY}] }]`,
    domains: {
      'example.org': domainFile(destination.port, { outgoing }),
      'told.example': domainFile(
        0,
        { destination: `{ hosts: ["127.0.0.1:${trusting.port}"], xclient: true }` },
        'told.example',
      ),
      'untold.example': domainFile(trusting.port, {}, 'untold.example'),
    },
  });
});
after(async () => {
  await gateway.remove();
  await destination.stop();
  await trusting.stop();
});

test('behind a PROXY header', async () => {
  const proxied = async (client: string): Promise<SmtpTalk> => {
    const talk = await SmtpTalk.open(gateway.port('balanced'), PROXY);
    talk.write(`PROXY TCP4 ${client} 198.51.100.9 4711 25\r\n`);
    assert.match(await talk.reply(), /^220/);
    await talk.say('EHLO client.example');
    return talk;
  };
  const customer = await proxied('198.51.100.20');
  const reply = await customer.send('a@example.org', ['b@elsewhere.example'], MAIL);
  assert.match(reply, /^250 2\.0\.0 Ok: \S+ delivered/);
  const received = destination.arrived.at(-1)?.content.toString() ?? '';
  assert.match(received, /^Received: from client\.example \(\[198\.51\.100\.20\]\)/);
  const ledger = await gateway.event('msg.in');
  assert.deepEqual([ledger['ip'], ledger['dir']], ['198.51.100.20', 'out']);
  await customer.quit();

  const foreign = await proxied('198.51.100.21');
  assert.match(await foreign.send('a@example.org', ['b@elsewhere.example'], MAIL), /^550 5\.7\.1/);
  await foreign.quit();

  // A stranger's header is a command like any other.
  const stranger = await SmtpTalk.open(gateway.port('balanced'), STRANGER);
  assert.match(await stranger.reply(), /^220/);
  assert.match(await stranger.say('PROXY TCP4 198.51.100.20 198.51.100.9 1 25'), /^500 5\.5\.1/);
  await stranger.quit();
});

test('behind XCLIENT', async () => {
  const proxy = await SmtpTalk.greeted(gateway.port('filtered'), 'proxy.example', PROXY);
  const speakFor = async (claim: string) => {
    assert.match(await proxy.say(`XCLIENT ${claim}`), /^220/);
    await proxy.say('EHLO proxy.example');
    return proxy.send('a@example.org', ['b@elsewhere.example'], MAIL);
  };
  // By address, by login, and neither of them once another client is spoken for.
  const delivered = /^250 2\.0\.0 Ok: \S+ delivered/;
  assert.match(await speakFor('ADDR=198.51.100.20 HELO=client.example'), delivered);
  const received = destination.arrived.at(-1)?.content.toString() ?? '';
  assert.match(received, /^Received: from client\.example \(\[198\.51\.100\.20\]\)/);
  assert.match(await speakFor('ADDR=203.0.113.5 LOGIN=anna@example.org'), delivered);
  for (const claim of ['ADDR=203.0.113.5', 'ADDR=[UNAVAILABLE]', 'ADDR=203.0.113.5 LOGIN=nobody']) {
    assert.match(await speakFor(claim), /^550 5\.7\.1/, claim);
    await proxy.say('RSET');
  }
  await gateway.event('msg.in', ({ ip, acct }) => ip === '203.0.113.5' && acct !== undefined);
  await proxy.quit();

  const stranger = await SmtpTalk.open(gateway.port('filtered'), STRANGER);
  await stranger.reply();
  assert.doesNotMatch(await stranger.say('EHLO client.example'), /XCLIENT/);
  assert.match(await stranger.say('XCLIENT ADDR=198.51.100.20'), /^502 5\.5\.1/);
  await stranger.quit();
});

test('a destination that trusts us is told by XCLIENT for whom its mail comes', async () => {
  const sent = async (from: string, domain: string): Promise<string> => {
    const talk = await SmtpTalk.greeted(gateway.port('balanced'), 'client.example', from);
    const reply = await talk.send('a@client.example', [`anna@${domain}`], MAIL);
    await talk.quit();
    return reply;
  };
  const told = (address: string) =>
    `XCLIENT NAME=[UNAVAILABLE] ADDR=${address} HELO=client.example`;
  const delivered = /^250 2\.0\.0 Ok: \S+ delivered/;
  for (const from of ['127.0.0.1', '127.0.0.1', '127.0.0.3']) {
    assert.match(await sent(from, 'told.example'), delivered);
  }
  assert.deepEqual(trusting.xclients, [told('127.0.0.1'), told('127.0.0.3')]);
  assert.equal(trusting.connections, 1);

  // A domain that does not ask for it never comes under somebody's name.
  assert.match(await sent('127.0.0.1', 'untold.example'), delivered);
  assert.equal(trusting.xclients.length, 2);
  assert.equal(trusting.connections, 2);

  // Who does not want it from us gets the mail all the same.
  trusting.behaviour = { ...trusting.behaviour, xclient: () => '550 5.7.0 Not from you' };
  assert.match(await sent('127.0.0.1', 'told.example'), delivered);
  assert.match(await sent('127.0.0.3', 'told.example'), delivered);
  assert.equal(trusting.arrived.length, 6);
});
