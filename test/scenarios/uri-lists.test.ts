/** DNS lists are asked by real packets about what a mail leads to; one that does not work never counts. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { DnsServer } from '../support/dns-server.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { PROXIED_LISTENER, proxiedMail } from '../support/proxied-client.ts';

const LISTS = `
  - uri-lists:
      lists:
        - { zone: names.test, about: host, codes: 127.0.1.2-99, score: 3 }
        - { zone: bits.test, about: [domain, address], codes: 127.0.0.&8, action: reject }
        - { zone: bits.test, about: [domain, address], codes: 127.0.0.&64, score: 2 }
        - { zone: closed.test, action: reject }
        - { zone: dead.test, action: reject, timeout: 200ms }
      exempt: [fine.com]
      max_names: 5
`;

const destination = new Destination();
const dns = new DnsServer({
  'a.listed.com.names.test': { a: ['127.0.1.4'] },
  'bad.com.bits.test': { a: ['127.0.0.8'] },
  'poor.com.bits.test': { a: ['127.0.0.64'] },
  'last.com.bits.test': { a: ['127.0.0.8'] },
  'worse.com.bits.test': { a: ['127.0.0.66'] },
  '9.113.0.203.bits.test': { a: ['127.0.0.8'] },
  'one.com.closed.test': { a: ['127.255.255.254'] },
  'one.com.dead.test': 'silence',
});
let gateway: Gateway;
before(async () => {
  await destination.start();
  await dns.start();
  gateway = await Gateway.run({
    node: `dns: { servers: ["${dns.address}"] }`,
    listeners: PROXIED_LISTENER,
    plugins: LISTS,
    domains: {
      'example.org': domainFile(destination.port),
      'plain.test': domainFile(destination.port, { services: '[relay, fallback]' }, 'plain.test'),
      'own.test': domainFile(
        destination.port,
        { 'uri-lists': '{ lists: [{ zone: bits.test, codes: 127.0.0.&8, score: 1 }] }' },
        'own.test',
      ),
      'brief.test': domainFile(
        destination.port,
        { 'uri-lists': '{ max_text: 1KiB }' },
        'brief.test',
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

const send = (text: string, to = 'anna@example.org', type = 'text/plain') =>
  proxiedMail(gateway.port(), {
    ...{ client: '192.0.2.1', to },
    content: `Subject: hi\r\nContent-Type: ${type}\r\n\r\n${text}\r\n`,
  });
/** Without the one that is asked again later, for it was not answered. */
const questions = () => dns.asked.filter((one) => !one.endsWith('dead.test'));
const field = (name: string) =>
  new RegExp(`^${name}: (.*)\r$`, 'm').exec(
    destination.arrived.at(-1)?.content.toString('latin1') ?? '',
  )?.[1];

test('a listed domain is refused with its name and the list, in reply, log and trace', async () => {
  const reply = await send('<a href="http://x.bad.com/">x</a>', undefined, 'text/html');
  assert.match(
    reply,
    /^550 5\.7\.1 The mail leads to bad\.com, which is listed by bits\.test \(uri\)/,
  );
  const line = await gateway.event('smtp.reject.data');
  assert.equal(line['why'], 'uri');
  const { stdout } = await gateway.cli('trace', String(line['id']));
  assert.match(stdout, /uri-lists refuse URI:bits\.test .*uri=bits\.test\(bad\.com\)=127\.0\.0\.8/);
});

test('answers weigh what their bits say, each list once a mail', async () => {
  assert.match(await send('http://poor.com http://worse.com and a.listed.com'), /^250/);
  assert.equal(field('X-Sluice-Score'), '5.0');
  assert.deepEqual(field('X-Sluice-Tests')?.split(/, ?/).toSorted(), [
    'URI:bits.test',
    'URI:names.test',
  ]);
  assert.equal(dns.asked.filter((one) => one === 'A poor.com.bits.test').length, 1);
});

test('an address is asked about in reverse, and only where a list knows addresses', async () => {
  assert.match(await send('http://3405803785/x'), /^550 5\.7\.1 The mail leads to 203\.0\.113\.9,/);
  assert.deepEqual([...new Set(dns.asked)], ['A 9.113.0.203.bits.test']);
});

test('a list that does not work never counts', async () => {
  assert.match(await send('http://one.com'), /^250/);
  assert.equal(field('X-Sluice-Tests'), undefined);
  assert.ok(
    gateway.events('plugin.log').some(({ msg }) => /closed\.test does not/.test(String(msg))),
  );
});

test('hosted and exempt domains, private addresses and domains without the service are not asked about', async () => {
  const text = 'http://www.example.org http://www.fine.com http://10.0.0.1 http://localhost';
  assert.match(await send(text), /^250/);
  assert.match(await send('http://bad.com', 'a@plain.test'), /^250/);
  assert.deepEqual(questions(), []);
});

test('a domain has its own lists, and a mail with many names costs a bounded number of questions', async () => {
  const many = Array.from({ length: 500 }, (_, i) => `http://n${i}.com`).join('\r\n');
  assert.match(await send(`${many}\r\nhttp://last.com`, 'a@own.test'), /^250/);
  assert.equal(field('X-Sluice-Score'), '1.0', 'the last one is among them');
  assert.equal(new Set(questions()).size, 5);
});

test('log and trace say so when there was more text than is looked at', async () => {
  assert.match(await send(`${'so on '.repeat(200)} http://bad.com`, 'a@brief.test'), /^250/);
  const { id } = await gateway.event('msg.in', (line) => line['dest'] === 'brief.test');
  const { stdout } = await gateway.cli('trace', String(id));
  assert.match(stdout, /uri-lists pass .*uri_cut=true/);
});
