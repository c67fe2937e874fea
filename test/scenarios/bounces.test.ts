/** Bounces come to who has sent something, and to nobody else whose domain wants it so. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { PROXIED_LISTENER, proxiedMail } from '../support/proxied-client.ts';
import { until } from '../support/until.ts';

const CUSTOMER = '192.0.2.200';
const destination = new Destination();
let gateway: Gateway;
before(async () => {
  await destination.start();
  const outgoing = `{ enabled: true, accounts: [{ ip: ${CUSTOMER} }] }`;
  gateway = await Gateway.run({
    node: `delivery: { smarthost: "127.0.0.1:${destination.port}" }`,
    listeners: PROXIED_LISTENER,
    plugins: '[bounces, greylist: { from_score: 1000, no_ptr: false }]',
    domains: {
      'example.org': domainFile(destination.port, {
        outgoing,
        bounces: '{ unsent: reject, learning: 2s }',
      }),
      'points.test': domainFile(
        destination.port,
        { bounces: '{ unsent: 3, learning: 2s }' },
        'points.test',
      ),
      'young.test': domainFile(destination.port, { bounces: '{ unsent: reject }' }, 'young.test'),
      'off.test': domainFile(destination.port, {}, 'off.test'),
    },
  });
});
after(async () => {
  await gateway.remove();
  await destination.stop();
});

const bounce = (to: string) => proxiedMail(gateway.port(), { client: '203.0.113.1', from: '', to });
const write = (from: string) =>
  proxiedMail(gateway.port(), { client: CUSTOMER, from, to: 'x@outside.test' });
const REFUSED = /^550 5\.7\.1 No mail was sent from this address that could bounce \(bounce\)$/;

test('after the time of learning only who has sent gets bounces, over a restart too', async () => {
  assert.match(await bounce('nobody@example.org'), /^250/);
  assert.match(await write('Anna@example.org'), /^250/);
  assert.match(await write('prvs=1234abcdef=eva@example.org'), /^250/);
  await until('the time of learning to end', async () =>
    (await bounce('nobody@example.org')).startsWith('550') ? true : undefined,
  );
  await gateway.stop();
  await gateway.start();
  const { stdout } = await gateway.cli('plugins', 'list', '-o', 'name,note', '-H');
  assert.match(
    stdout,
    /^bounces +looks on until 20\S+Z\ngreylist +learns who writes here since 20/,
  );
  assert.match(await bounce('nobody@example.org'), REFUSED);
  const line = await gateway.event('smtp.reject.data');
  assert.equal(line['why'], 'bounce');
  for (const to of ['anna', 'prvs=9999ffffff=anna', 'eva', 'postmaster']) {
    assert.match(await bounce(`${to}@example.org`), /^250/, to);
  }
  const from = 'a@sender.test';
  const mail = { client: '203.0.113.1', from, to: 'nobody@example.org' };
  assert.match(await proxiedMail(gateway.port(), mail), /^250/);
});

test('a domain may give points; one that is not asked, or has not learnt long enough, takes all', async () => {
  destination.arrived.length = 0;
  assert.match(await bounce('nobody@points.test'), /^250/);
  const content = destination.arrived.at(-1)?.content.toString('latin1') ?? '';
  assert.match(content, /^X-Sluice-Tests: UNSENT_BOUNCE\r$/m);
  assert.match(await bounce('nobody@young.test'), /^250/);
  assert.match(await bounce('nobody@off.test'), /^250/);
});
