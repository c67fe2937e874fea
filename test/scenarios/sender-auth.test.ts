/** Who a mail is from is asked of real name servers before the 250, and stands in field, log and trace. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { DnsServer } from '../support/dns-server.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { addressOf, Outside } from '../support/outside.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const mail = (from: string) =>
  `Authentication-Results: mx.sluice.test; dmarc=pass\r\nAuthentication-Results: other.test; spf=pass\r\n` +
  `From: ${from}\r\nSubject: hello\r\n\r\nhello\r\n`;

test('forged mail is refused with its reason, another domain only marks, what is proven says so', async () => {
  const dns = await new DnsServer({
    '_dmarc.bank.test': { txt: ['v=DMARC1; p=reject'] },
    'bank.test': { txt: [['v=spf1 ip4:127.0.0.0/8', ' -all']] },
    'evil.test': { txt: ['v=spf1 -all'] },
  }).start();
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: `dns: { servers: ["${dns.address}"] }`,
    plugins: '[sender-auth]',
    domains: {
      'example.org': domainFile(destination.port),
      'mark.test': domainFile(destination.port, { 'sender-auth': '{ dmarc: mark }' }, 'mark.test'),
    },
  });
  try {
    const send = (from: string, to: string, author: string) =>
      sendMail(gateway.port(), from, [to], mail(author));
    assert.equal(
      (await send('x@evil.test', 'anna@example.org', 'a@bank.test')).trim(),
      '550 5.7.1 Not proven to be from bank.test, whose DMARC policy forbids it (dmarc)',
    );
    assert.equal((await gateway.event('smtp.reject.data'))['why'], 'dmarc');
    const line = await gateway.event('msg.in');
    assert.deepEqual([line['spf'], line['dkim'], line['dmarc']], ['fail', 'none', 'fail']);
    const trace = await gateway.cli('trace', 'anna@example.org');
    assert.match(trace.stdout, /dmarc/);
    assert.equal(gateway.events('dsn.out').length, 0, 'nothing refused made a bounce');

    const told = async () => destination.arrived.at(-1)?.content.toString('latin1') ?? '';
    const ours = /^Authentication-Results: mx\.sluice\.test;\s[^]*?\r\n(?![ \t])/gim;
    assert.match(await send('x@evil.test', 'x@mark.test', 'a@bank.test'), /^250 .* delivered/);
    const marked = (await told()).match(ours);
    assert.equal(marked?.length, 1, 'one field of ours, the forged one is gone');
    assert.match(String(marked).replace(/\s+/g, ' '), /spf=fail .*dmarc=fail/);
    assert.match(await send('a@bank.test', 'anna@example.org', 'a@bank.test'), /^250 .* delivered/);
    const text = await told();
    assert.match(String(text.match(ours)).replace(/\s+/g, ' '), /spf=pass .*dmarc=pass/);
    assert.match(text, /^Authentication-Results: other\.test; spf=pass\r\n/m);
  } finally {
    await gateway.remove();
    await destination.stop();
    await dns.stop();
  }
});

test('a late failure is told to a sender that SPF has proven, by way of his MX, and to no other', async () => {
  const outside = await Outside.start(
    {
      'shop.test': { mx: ['10 mx.shop.test'], txt: ['v=spf1 ip4:127.0.0.0/8 -all'] },
      'forged.test': { mx: ['10 mx.shop.test'], txt: ['v=spf1 -all'] },
      'mx.shop.test': { a: [addressOf(0)] },
    },
    1,
  );
  const destination = await new Destination().start();
  await destination.stop();
  const queue = '{ retry: [200ms], probe: 100ms }';
  const gateway = await outside.gateway({
    plugins: '[sender-auth]',
    domains: { 'example.org': domainFile(destination.port, { queue }) },
  });
  try {
    for (const sender of ['x@shop.test', 'x@forged.test']) {
      const said = await sendMail(gateway.port(), sender, ['anna@example.org'], mail(sender));
      assert.match(said, /^250 .* queued/);
    }
    destination.behaviour.final = () => '550 5.7.1 not wanted';
    await destination.start();
    await until('a report at the sender', () => outside.server(0).arrived.length > 0);
    await until('the other one is held', () => gateway.events('rcpt.hold').length > 0);
    assert.deepEqual(
      outside.server(0).arrived.map(({ from, to }) => [from, to]),
      [['', ['x@shop.test']]],
    );
    assert.match(String(outside.server(0).arrived[0]?.content), /550 5\.7\.1 not wanted/);
    assert.deepEqual(
      gateway.events('rcpt.hold').map(({ from, why }) => [from, why]),
      [['x@forged.test', 'undeliverable']],
    );
  } finally {
    await gateway.remove();
    await destination.stop();
    await outside.stop();
  }
});
