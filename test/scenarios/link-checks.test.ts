/** What links hide about where they lead is evidence in the one score, or a refusal that says so. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { PROXIED_LISTENER, proxiedMail } from '../support/proxied-client.ts';

const destination = new Destination();
let gateway: Gateway;
before(async () => {
  await destination.start();
  const own = (name: string, options: string) =>
    domainFile(destination.port, { 'link-checks': options }, name);
  gateway = await Gateway.run({
    listeners: PROXIED_LISTENER,
    plugins: '[link-checks]',
    domains: {
      'example.org': domainFile(destination.port),
      'strict.test': own('strict.test', '{ brands: [insurance.com], lookalike: reject }'),
      'brief.test': own('brief.test', '{ max_text: 1KiB, address: off }'),
      'plain.test': domainFile(destination.port, { services: '[relay, fallback]' }, 'plain.test'),
    },
  });
});
after(async () => {
  await gateway.remove();
  await destination.stop();
});

const send = (html: string, to = 'anna@example.org') =>
  proxiedMail(gateway.port(), {
    ...{ client: '192.0.2.1', to },
    content: `Subject: hi\r\nContent-Type: text/html\r\n\r\n${html}\r\n`,
  });
const field = (name: string) =>
  new RegExp(`^${name}: (.*)\r$`, 'm').exec(
    destination.arrived.at(-1)?.content.toString('latin1') ?? '',
  )?.[1];
const traceOf = async (dest: string) => {
  const { id } = await gateway.event('msg.in', (line) => line['dest'] === dest);
  return (await gateway.cli('trace', String(id))).stdout;
};

test('what hides where it leads adds to the score, and one thing alone changes nothing', async () => {
  assert.match(await send('<a href="http://203.0.113.9/">https://mail.example.org</a>'), /^250/);
  assert.equal(field('X-Sluice-Score'), '4.5');
  assert.equal(field('X-Sluice-Tests'), 'LINK_SHOWN_BRAND, LINK_ADDRESS');
  assert.match(
    await traceOf('example.org'),
    /link-checks pass 4\.5 LINK_SHOWN_BRAND,LINK_ADDRESS \(link=shown_brand\(mail\.example\.org>203\.0\.113\.9\) address/,
  );
});

test('all of it together is refused as spam by the thresholds of the domain', async () => {
  const reply = await send(
    '<a href="http://www.paypal.com@3405803785/">https://www.paypal.com/login</a>',
  );
  assert.match(reply, /^550 .*\(spam\)/);
});

test('a domain names what others pass for, and refuses it by name', async () => {
  const html = '<a href="http://www.1nsurance.com/">here</a>';
  assert.match(
    await send(html, 'a@strict.test'),
    /^550 5\.7\.1 A link leads to www\.1nsurance\.com, which looks like insurance\.com \(uri\)/,
  );
  assert.match(await send(html), /^250/);
  assert.match(await send('<a href="http://pаypal.com/">x</a>', 'a@plain.test'), /^250/);
});

test('log and trace say so when there was more text than is looked at', async () => {
  const html = `<a href="http://203.0.113.9/">x</a>${'<p>so on'.repeat(200)}`;
  assert.match(await send(html, 'a@brief.test'), /^250/);
  assert.match(await traceOf('brief.test'), /link-checks pass .*uri_cut=true/);
});
