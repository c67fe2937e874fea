/** The customer's server is down: known recipients are queued, unknown ones refused, all is delivered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const QUICK = 'queue: { retry: [1s, 2s], probe: 1s }';
const mail = (n: number) => `Subject: mail ${n}\r\n\r\nbody ${n}\r\n`;
const knows = (...locals: string[]) => ({
  rcpt: (address: string) =>
    locals.includes(address.split('@')[0] ?? '') ? '250 2.1.5 Ok' : '550 5.1.1 no such user',
});

test('destination down, then up: everything accepted arrives once, at once', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.run({ domains: { 'example.org': domainFile(destination.port) } });
  try {
    const talk = await SmtpTalk.greeted(gateway.port());
    for (let n = 0; n < 30; n++) {
      const reply = await talk.send('a@b.example', ['anna@example.org'], mail(n));
      assert.match(reply, /^250 2\.0\.0 Ok: \S+ queued$/);
    }
    await talk.quit();
    assert.equal((await gateway.cli('queue', 'count')).stdout.trim(), '30');
    await gateway.event('dest.down');
    await destination.start();
    const backAt = performance.now();
    await until('the first one delivered', () => destination.arrived.length > 0);
    const waitedMs = performance.now() - backAt;
    // A second on a machine at rest; this one is busy with tests.
    assert.ok(waitedMs < 3000, `the first one came after ${waitedMs.toFixed(0)} ms`);
    await until('all delivered', () => destination.arrived.length >= 30);
    await gateway.event('dest.up');
    await until(
      'an empty queue',
      async () => (await gateway.cli('queue', 'count')).stdout.trim() === '0',
    );
    const bodies = new Set(
      destination.arrived.map(({ content }) => /body (\d+)/.exec(content.toString())?.[1]),
    );
    assert.equal(bodies.size, 30);
    assert.equal(destination.arrived.length, 30, 'no message twice');
    assert.equal(gateway.events('msg.done').length, 30);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('unknown recipients are refused by callout, known ones stay good through an outage', async () => {
  const destination = await new Destination(knows('anna')).start();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port, { recipients: 'callout' }) },
  });
  try {
    const port = gateway.port();
    assert.match(
      await sendMail(port, 'a@b.example', ['nobody@example.org'], mail(0)),
      /^550 5\.1\.1 .*unknown_rcpt/,
    );
    assert.match(
      await sendMail(port, 'a@b.example', ['anna@example.org'], mail(1)),
      /^250 .* delivered/,
    );
    const asked = destination.rcptAsked.length;
    await sendMail(port, 'a@b.example', ['nobody@example.org'], mail(0));
    assert.equal(destination.rcptAsked.length, asked, 'the second time nobody is asked');

    await destination.stop();
    assert.match(
      await sendMail(port, 'a@b.example', ['anna@example.org'], mail(2)),
      /^250 .* queued/,
    );
    assert.match(
      await sendMail(port, 'a@b.example', ['nobody@example.org'], mail(0)),
      /^550 5\.1\.1/,
    );
    assert.match(
      await sendMail(port, 'a@b.example', ['stranger@example.org'], mail(0)),
      /^451 4\.1\.1/,
    );
    await gateway.stop();
    await gateway.start();
    const later = gateway.port();
    assert.match(
      await sendMail(later, 'a@b.example', ['anna@example.org'], mail(3)),
      /^250 .* queued/,
      'a restart forgets nobody',
    );
    const list = await gateway.cli('recipient', 'list', '--json');
    assert.match(list.stdout, /anna@example\.org/);
    await destination.start();
    await until('both delivered', () => destination.arrived.length === 3);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('outage: accept and hold let unverified recipients in, to be tried or asked about', async () => {
  const down = await new Destination(knows('x', 'y')).start();
  await down.stop();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: {
      'accept.test': domainFile(
        down.port,
        { recipients: 'callout', outage: 'accept' },
        'accept.test',
      ),
      'hold.test': domainFile(down.port, { recipients: 'callout', outage: 'hold' }, 'hold.test'),
    },
  });
  try {
    const port = gateway.port();
    assert.match(await sendMail(port, 'a@b.example', ['x@accept.test'], mail(1)), /^250 .* queued/);
    assert.match(await sendMail(port, 'a@b.example', ['x@hold.test'], mail(2)), /^250 .* queued/);
    const held = await gateway.event('rcpt.hold');
    await sendMail(port, 'a@b.example', ['nobody@hold.test'], mail(3));
    await sendMail(port, 'a@b.example', ['y@hold.test', 'stranger@hold.test'], mail(4));
    assert.deepEqual([held['to'], held['why']], ['x@hold.test', 'outage']);
    await down.start();
    await until('both delivered', () => down.arrived.length === 3);
    const released = await gateway.event('queue.release', (line) => line['id'] === held['id']);
    assert.equal(released['who'], 'gateway');
    // Nobody known among its recipients: it waits for a person, and nobody is told.
    const unknown = await gateway.event('queue.hold');
    const row = await gateway.cli('queue', 'show', String(unknown['id']), '--json');
    assert.match(row.stdout, /nobody@hold\.test.*"why":"unknown_rcpt"/);
    await until('the trace says so as well', async () => {
      const { stdout } = await gateway.cli('trace', 'nobody@hold.test');
      return / accepted\/held unknown_rcpt /.test(stdout);
    });
    // Known and unknown ones in one message: the destination refuses the unknown one itself.
    const mixed = await gateway.event('rcpt.hold', (line) => line['why'] === 'undeliverable');
    assert.equal(mixed['to'], 'stranger@hold.test');
    assert.equal(gateway.events('dsn.out').length, 0);
  } finally {
    await gateway.remove();
    await down.stop();
  }
});

test('without the fallback service a destination that is down means 4xx', async () => {
  const down = await new Destination().start();
  await down.stop();
  const gateway = await Gateway.run({
    domains: { 'example.org': domainFile(down.port, { services: '[relay]' }) },
  });
  try {
    const replies = [];
    for (let n = 0; n < 3; n++) {
      replies.push(await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(n)));
    }
    for (const reply of replies) assert.match(reply, /^4\d\d 4\.4\.1/);
    assert.equal((await gateway.cli('queue', 'count')).stdout.trim(), '0');
  } finally {
    await gateway.remove();
  }
});

test('a late refusal makes no bounce: the message is held and seen in the queue', async () => {
  const destination = await new Destination({ final: () => '451 4.3.0 not now' }).start();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(1));
    const id = /Ok: (\S+) queued/.exec(reply)?.[1] ?? '';
    destination.behaviour = { final: () => '554 5.7.1 never' };
    const held = await gateway.event('rcpt.hold', (line) => line['id'] === id);
    assert.equal(held['why'], 'undeliverable');
    assert.equal(gateway.events('dsn.out').length, 0);
    const list = await gateway.cli('queue', 'list');
    assert.match(list.stdout, new RegExp(`${id.replace('.', '\\.')}\\s+hold`));
    destination.behaviour = {};
    await gateway.cli('queue', 'release', id);
    await until('delivered after the release', () => destination.arrived.length === 1);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a destination that turns us away at the greeting is tried again, whatever its code', async () => {
  const destination = await new Destination({ greeting: () => '554 5.3.2 no service' }).start();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(1));
    assert.match(reply, /^250 .* queued/);
    destination.behaviour = {};
    await until('delivery', () => destination.arrived.length === 1);
    assert.equal(gateway.events('rcpt.hold').length, 0);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('an outage keeps its beginning and its history through a restart', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(1));
    await gateway.event('dest.down');
    const show = async () =>
      JSON.parse((await gateway.cli('destination', 'show', 'example.org', '--json')).stdout) as {
        state: string;
        since: string;
        history: { state: string; text: string }[];
      };
    const before = await show();
    await gateway.stop();
    await gateway.start();
    const after = await show();
    assert.deepEqual([after.state, after.since], ['down', before.since]);
    assert.equal(gateway.events('dest.down').length, 0, 'nobody is told again');
    await destination.start();
    await until('the mail delivered', () => destination.arrived.length === 1);
    const back = await gateway.event('dest.up');
    assert.ok(Number(back['down']) >= 1, 'the restart is part of the outage');
    const { history } = await show();
    assert.deepEqual(
      history.map(({ state }) => state),
      ['down', 'up'],
    );
    assert.match(history[0]?.text ?? '', /127\.0\.0\.1/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a domain has its own times: its mail is tried, probed and given up by them', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const queue = '{ retry: [1s], lifetime: 3s, probe: 500ms }';
  const gateway = await Gateway.run({
    node: 'queue: { retry: [1h], lifetime: 5d, probe: 1h }',
    domains: { 'example.org': domainFile(destination.port, { queue }) },
  });
  try {
    await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(1));
    const down = await gateway.event('dest.down');
    await destination.start();
    await until('the mail delivered', () => destination.arrived.length === 1);
    await gateway.event('dest.up');
    assert.equal(down['dest'], `127.0.0.1:${destination.port}`);
    const list = await gateway.cli('queue', 'list', '--json');
    assert.equal(list.stdout, '');
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('beyond the rate of a destination mail waits in the queue and follows in time', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    domains: {
      'example.org': [
        'domain: example.org',
        'recipients: any',
        `destination: { hosts: ["127.0.0.1:${destination.port}"], tls: "off", rate: 2/s }`,
        '',
      ].join('\n'),
    },
  });
  try {
    const replies = [];
    for (let n = 0; n < 5; n++)
      replies.push(await sendMail(gateway.port(), 'a@b.example', ['x@example.org'], mail(n)));
    assert.match(replies[0] ?? '', /delivered/);
    assert.ok(
      replies.some((reply) => /^250 .* queued$/.test(reply)),
      replies.join('; '),
    );
    await until('all delivered', () => destination.arrived.length === 5);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
