/** An operator holds a customer's mail: taken and kept, nothing tried, all delivered afterwards. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runInside } from '../support/command.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail, SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const QUICK = 'queue: { retry: [1s, 2s], probe: 1s }';
const mail = (n: number) => `Subject: mail ${n}\r\n\r\nbody ${n}\r\n`;

test('a held destination is not tried, over a restart, and drained when it is resumed', async () => {
  const destination = await new Destination().start();
  const { port } = destination;
  const gateway = await Gateway.run({
    node: QUICK,
    domains: {
      'example.org': domainFile(port, { recipients: 'callout' }),
      'example.net': domainFile(port, {}, 'example.net'),
    },
  });
  try {
    const anna = ['anna@example.org'];
    assert.match(await sendMail(gateway.port(), 'a@b.example', anna, mail(0)), / delivered/);
    const held = await gateway.cli('destination', 'hold', 'example.org', '--why', 'new disk');
    assert.deepEqual(
      [held.code, held.stdout],
      [0, 'example.net  held\nexample.org  held\n'],
      'all domains of the server',
    );
    const { connections } = destination;
    const asked = destination.rcptAsked.length;
    assert.match(await sendMail(gateway.port(), 'a@b.example', anna, mail(1)), /^250 .* queued/);
    const unknown = await sendMail(gateway.port(), 'a@b.example', ['new@example.org'], mail(2));
    assert.match(unknown, /^451 4\.1\.1/, 'nobody is asked, so it is as in an outage');
    await gateway.stop();
    await gateway.start();
    const { stdout: known } = await gateway.cli('recipient', 'list', '--json');
    const anna1 = JSON.parse(known) as { at: string; asked_at: string; age: number; left: number };
    const heldMs = Date.now() - Date.parse(anna1.at) - anna1.age * 1000;
    assert.ok(heldMs > 300, `what is known does not age in the hold, but for ${heldMs} ms`);
    assert.ok(Date.parse(anna1.asked_at) <= Date.now() - heldMs, 'the clock on the wall goes on');
    assert.ok(anna1.left > 30 * 86_400 && anna1.age + anna1.left <= 31 * 86_400, 'a month in all');
    const list = await gateway.cli('queue', 'list');
    assert.match(list.stdout, /destination held: by \S+: new disk/);
    assert.match((await gateway.cli('destination', 'list')).stdout, /,held/);
    const id = (await gateway.cli('queue', 'list', '-o', 'id', '-H')).stdout.trim();
    const shown = await gateway.cli('queue', 'show', id, '-e');
    assert.match(shown.stdout, /^next try +when the destination is resumed$/m);
    const retry = await gateway.cli('queue', 'retry', id);
    assert.deepEqual([retry.code, retry.stdout], [2, `${id}  destination held\n`]);
    assert.equal(destination.arrived.length, 1);
    assert.equal(destination.connections, connections);
    assert.equal(destination.rcptAsked.length, asked);
    const resumed = await gateway.cli('destination', 'resume', 'example.org', '--only');
    assert.deepEqual([resumed.code, resumed.stdout], [0, 'example.org  resumed\n']);
    await until('the mail delivered', () => destination.arrived.length === 2);
    assert.equal((await gateway.cli('destination', 'resume', 'example.org', '--only')).code, 1);
    assert.equal((await gateway.cli('destination', 'hold', 'nowhere.example')).code, 1);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a pause ends by itself', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const pause = (time: string) => gateway.cli('queue', 'pause', 'example.org', '--for', time);
    const paused = await pause('1h');
    assert.deepEqual([paused.code, paused.stdout], [0, 'example.org  held\n']);
    const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(1));
    assert.match(reply, /^250 .* queued/);
    const id = (await gateway.cli('queue', 'list', '-o', 'id', '-H')).stdout.trim();
    const shown = await gateway.cli('queue', 'show', id, '-e');
    assert.match(shown.stdout, /^next try +in \d+m, when the hold of the destination ends/m);
    // Whoever wants it shorter says so; that one may be over before anybody can look.
    assert.equal((await pause('1s')).code, 0);
    await until('the mail delivered', () => destination.arrived.length === 1, 60_000);
    const end = await gateway.event('dest.resume');
    assert.deepEqual([end['domain'], end['who']], ['example.org', 'gateway']);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a hold outlives the file of its domain, is shown, and can be ended without it', async () => {
  const destination = await new Destination().start();
  const file = domainFile(destination.port);
  const gateway = await Gateway.run({ node: QUICK, domains: { 'example.org': file } });
  try {
    assert.equal((await gateway.cli('queue', 'pause', 'example.org', '--why', 'moves')).code, 0);
    const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(1));
    assert.match(reply, /^250 .* queued/);
    await rm(join(gateway.folder, 'domains', 'example.org.yaml'));
    assert.equal((await gateway.cli('reload')).code, 0);
    const list = (...options: string[]) => gateway.cli('destination', 'list', ...options);
    assert.match((await list('-H')).stdout, /^\(not served\) +unknown,held .* 1 .* example\.org\b/);
    const shown = await gateway.cli('destination', 'show', 'Example.ORG');
    assert.deepEqual(
      [shown.code, shown.stdout.replace(/ by \S+ /, ' by somebody ')],
      [
        0,
        [
          'destination  (not served)',
          'domains      example.org',
          'held         example.org by somebody until it is resumed: moves',
          'waiting      1\n',
        ].join('\n'),
      ],
    );
    const row = JSON.parse((await list('--json')).stdout) as Record<string, unknown>; // our own output
    assert.deepEqual([row['name'], row['domains'], row['waiting']], ['', ['example.org'], 1]);
    assert.match((await gateway.cli('status')).stdout, /  ready  /);
    for (const other of ['example.net', 'org']) {
      const refused = await gateway.cli('destination', 'resume', other);
      assert.deepEqual([refused.code, refused.stdout], [1, '']);
    }
    const resumed = await gateway.cli('destination', 'resume', 'Example.ORG');
    assert.deepEqual([resumed.code, resumed.stdout], [0, 'example.org  resumed\n']);
    assert.equal((await list()).code, 1);
    assert.equal((await gateway.cli('queue', 'resume', 'example.org')).code, 1);
    await gateway.configure({ domains: { 'example.org': file } });
    assert.equal((await gateway.cli('reload')).code, 0);
    await until('the mail delivered', () => destination.arrived.length === 1);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('held and without the fallback service, mail is put off', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    domains: { 'example.org': domainFile(destination.port, { services: '[relay]' }) },
  });
  try {
    assert.equal((await gateway.cli('queue', 'pause', 'example.org')).code, 0);
    const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(1));
    assert.match(reply, /^451 4\.4\.1/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a message held for a time goes when it is over, and says whose it is', async () => {
  const destination = await new Destination().start();
  const customer = '127.0.0.9';
  const outgoing = `{ enabled: true, accounts: [{ ip: ${customer} }] }`;
  const gateway = await Gateway.run({
    node: QUICK,
    domains: { 'example.org': domainFile(destination.port, { outgoing }) },
  });
  const own = `From: bob@example.org\r\n${mail(1)}`;
  const cli = (...words: string[]) =>
    runInside(words, { env: { SLUICE_CONFIG: gateway.configFile } });
  const list = async (...filter: string[]) => {
    const { out } = await cli('queue', 'list', '--json', ...filter);
    const lines = out.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>); // our own output
  };
  try {
    await cli('queue', 'pause', 'example.org');
    const talk = await SmtpTalk.greeted(gateway.port(), 'server.example.org', customer);
    assert.match(await talk.send('bob@example.org', ['anna@example.org'], own), / queued/);
    await talk.quit();
    await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(2));
    const [kept, ...others] = await list('--account', customer);
    assert.deepEqual([kept?.['account'], others], [customer, []]);
    const shape = await cli('queue', 'shape', '--by', 'account');
    assert.match(shape.out, /^127\.0\.0\.9 +1 /m);

    const id = String(kept?.['id']);
    const heldAt = Date.now();
    const hold = await cli('queue', 'hold', id, '--for', '2s', '--why', 'he moves');
    assert.deepEqual([hold.code, hold.out], [0, `${id}  held\n`]);
    const [row] = await list('--state', 'hold');
    const { until: end } = (row?.['hold'] ?? {}) as { until?: string };
    assert.ok(Math.abs(Date.parse(end ?? '') - heldAt - 2000) < 2000, end);
    await cli('queue', 'resume', 'example.org');
    await until('the other mail delivered', () => destination.arrived.length > 0);
    const released = await gateway.event('queue.release');
    assert.deepEqual([released['id'], released['who']], [id, 'gateway']);
    assert.ok(Date.now() >= Date.parse(end ?? ''), 'not before its time');
    await until('its mail delivered', () => destination.arrived.length === 2);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('of mail for several domains that is left which is held, and nothing else', async () => {
  const account = '127.0.0.82';
  const destination = await new Destination().start();
  const { port } = destination;
  const gateway = await Gateway.run({
    node: QUICK,
    domains: {
      'example.org': domainFile(port, {
        outgoing: `{ enabled: true, accounts: [{ ip: ${account} }] }`,
      }),
      // On the same server, and held alone.
      'example.net': domainFile(port, {}, 'example.net'),
    },
  });
  const waiting = async () =>
    (await gateway.cli('queue', 'list', '-H', '-o', 'to,dest,reason')).stdout;
  try {
    await gateway.cli('queue', 'pause', 'example.net', '--why', 'moving');
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', account);
    const both = ['bob@example.net', 'anna@example.org'];
    const content = 'From: eve@example.org\r\nSubject: hi\r\n\r\nHello\r\n';
    assert.match(await talk.send('eve@example.org', both, content), /^250 .* queued/);
    await talk.quit();
    await until('what is not held delivered', () => destination.arrived.length > 0);
    await until('what is held has its lane', async () =>
      /^bob@example\.net +example\.net +destination held: by \S+: moving\n$/.test(await waiting()),
    );
    const got = () => destination.arrived.map(({ to }) => to);
    assert.deepEqual(got(), [['anna@example.org']]);
    await gateway.cli('queue', 'resume', 'example.net');
    await until('the rest delivered', () => destination.arrived.length === 2);
    assert.deepEqual(got(), [['anna@example.org'], ['bob@example.net']]);
    assert.equal(await waiting(), '');

    // The hold came after the mail, which lies in the lane of the other domain.
    destination.behaviour = { rcpt: () => '451 4.3.2 later' };
    const again = await SmtpTalk.greeted(gateway.port(), 'mail.example.org', account);
    const reply = await again.send('eve@example.org', both.toReversed(), content);
    assert.match(reply, /^250 .* queued/);
    await again.quit();
    assert.match(await waiting(), /^anna@example\.org \(\+1\) +example\.org /);
    await gateway.cli('queue', 'pause', 'example.net');
    destination.behaviour = {};
    await until('what is not held delivered', () => destination.arrived.length > 2);
    assert.deepEqual(got().slice(2), [['anna@example.org']]);
    assert.match(await waiting(), /^bob@example\.net +example\.net +destination held/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
