/** Clients behind a proxy count as themselves everywhere: in the log, in Received, as accounts. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';

const MAIL = 'From: a@example.org\r\nSubject: hi\r\n\r\nHello\r\n';
/** What the configuration calls a proxy, and a stranger. */
const PROXY = '127.0.0.2';
const STRANGER = '127.0.0.1';

const destination = new Destination();
let gateway: Gateway;
before(async () => {
  await destination.start();
  const outgoing = '{ enabled: true, accounts: [{ ip: 198.51.100.20/32 }] }';
  gateway = await Gateway.run({
    node: `delivery: { smarthost: "127.0.0.1:${destination.port}" }`,
    listeners: `[{ name: balanced, address: "127.0.0.1:0", proxy_protocol: [${PROXY}] }]`,
    domains: { 'example.org': domainFile(destination.port, { outgoing }) },
  });
});
after(async () => {
  await gateway.remove();
  await destination.stop();
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
