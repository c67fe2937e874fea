/** Reload: open sessions live on, a broken configuration changes nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, sendMail, stuffed } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MAIL = 'Subject: x\r\n\r\nx\r\n';

test('a reload swaps the configuration; an open transaction finishes under the old one', async () => {
  const first = await new Destination().start();
  const second = await new Destination().start();
  const gateway = await Gateway.run({ domains: { 'example.org': domainFile(first.port) } });
  try {
    const talk = await SmtpTalk.greeted(gateway.port());
    await talk.say('MAIL FROM:<a@b.example>');
    assert.match(await talk.say('RCPT TO:<anna@example.org>'), /^250/);
    await gateway.configure({
      domains: {
        'example.org': domainFile(second.port, { recipients: '{ list: [bob@example.org] }' }),
        'new.test': domainFile(second.port, {}, 'new.test'),
      },
    });
    gateway.signal('SIGHUP');
    await gateway.event('cfg.reload');
    assert.match(
      await talk.say('RCPT TO:<carl@example.org>'),
      /^250/,
      'old rules in the old transaction',
    );
    assert.match(await talk.say('DATA'), /^354/);
    talk.write(stuffed(MAIL));
    assert.match(await talk.reply(), /^250 .* delivered/);
    assert.equal(first.arrived.length, 1);
    // The same session, a new transaction: new rules.
    await talk.say('MAIL FROM:<a@b.example>');
    assert.match(await talk.say('RCPT TO:<anna@example.org>'), /^550 5\.1\.1/);
    await talk.say('RSET');
    assert.match(await talk.send('a@b.example', ['bob@example.org'], MAIL), /^250/);
    assert.match(await talk.send('a@b.example', ['x@new.test'], MAIL), /^250/);
    assert.equal(second.arrived.length, 2);
    await talk.quit();
  } finally {
    await gateway.remove();
    await first.stop();
    await second.stop();
  }
});

test('queued mail follows its domain to another server; other settings make no other server', async () => {
  const old = await new Destination().start();
  const moved = await new Destination().start();
  const at = (port: number, settings: string) =>
    domainFile(port, {
      destination: `{ hosts: ["127.0.0.1:${port}"]${settings} }`,
      recipients: 'callout',
    });
  const gateway = await Gateway.run({
    node: 'queue: { retry: [1h], probe: 1h }',
    domains: { 'example.org': at(old.port, '') },
  });
  const send = (to: string) => sendMail(gateway.port(), 'a@b.example', [`${to}@example.org`], MAIL);
  const reload = async (text: string) => {
    await gateway.configure({ domains: { 'example.org': text } });
    assert.equal((await gateway.cli('reload')).code, 0);
  };
  try {
    assert.match(await send('anna'), / delivered/);
    await old.stop();
    for (let n = 0; n < 2; n++) assert.match(await send('anna'), / queued/);
    await gateway.event('dest.down');
    await reload(at(old.port, ', tls: off, max_connections: 3, rate: 100/s'));
    assert.match(await send('anna'), / queued/, 'still remembered as known');
    assert.match(await send('who'), /^451 4\.1\.1/);
    assert.match(
      (await gateway.cli('destination', 'list')).stdout,
      /\s+down/,
      'the outage goes on',
    );
    await reload(at(moved.port, ''));
    await until('all at the new server', () => moved.arrived.length === 3);
  } finally {
    await gateway.remove();
    await old.stop();
    await moved.stop();
  }
});

test('a broken file is refused with its place, and the old configuration stays', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({ domains: { 'example.org': domainFile(destination.port) } });
  try {
    await gateway.configure({
      domains: {
        'example.org': domainFile(destination.port, { recipents: 'any', outage: 'perhaps' }),
      },
    });
    const reload = await gateway.cli('reload');
    assert.equal(reload.code, 78);
    assert.match(
      reload.stdout + reload.stderr,
      /example\.org\.yaml:4:1 error recipents: .*recipients/,
    );
    assert.match(reload.stdout + reload.stderr, /example\.org\.yaml:5:9 error outage/);
    const logged = await gateway.event('cfg.error');
    assert.match(String(logged['file']), /example\.org\.yaml$/);
    assert.match(await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], MAIL), /^250/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a broken file at start is refused with the same lines as sluice check', async () => {
  const gateway = await Gateway.make({
    domains: { 'example.org': domainFile(25, { destination: '"nowhere:99999"' }) },
  });
  try {
    const check = await gateway.cli('check');
    assert.equal(check.code, 78);
    await gateway.spawn();
    assert.equal(await gateway.stopped(), 78);
    const line = /.*example\.org\.yaml:2:\d+ error .*/.exec(check.stdout)?.[0];
    assert.ok(line, check.stdout);
    assert.ok(gateway.stderr.includes(line), gateway.stderr);
  } finally {
    await gateway.remove();
  }
});

test('SIGTERM stops gracefully: an open transaction finishes, idle sessions hear 421, exit 0', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({ domains: { 'example.org': domainFile(destination.port) } });
  try {
    const idle = await SmtpTalk.greeted(gateway.port());
    const busy = await SmtpTalk.greeted(gateway.port());
    await busy.say('MAIL FROM:<a@b.example>');
    await busy.say('RCPT TO:<anna@example.org>');
    await busy.say('DATA');
    gateway.signal('SIGTERM');
    assert.match(await idle.reply(), /^421 4\.3\.2/);
    busy.write(stuffed(MAIL));
    assert.match(await busy.reply(), /^250 .* delivered/);
    assert.equal(await gateway.stopped(), 0);
    assert.equal(destination.arrived.length, 1);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('what waits for a restart is told after every reload until there is one', async () => {
  const destination = await new Destination().start();
  const domains = { 'example.org': domainFile(destination.port) };
  const gateway = await Gateway.run({ domains });
  const needed = async () => {
    const { stdout } = await gateway.cli('reload', '--json');
    const status = await gateway.cli('status', '--json');
    const read = (text: string) => JSON.parse(text) as { [name: string]: unknown }; // ours
    const { config } = read(status.stdout) as { config: { needs_restart: unknown } }; // ours
    assert.deepEqual(config.needs_restart, read(stdout)['needs_restart'], 'status says the same');
    return config.needs_restart;
  };
  try {
    assert.deepEqual(await needed(), []);
    const listeners =
      '[{ name: mx, address: "127.0.0.1:0" }, { name: more, address: "127.0.0.1:0" }]';
    await gateway.configure({ listeners });
    assert.deepEqual(await needed(), ['listeners']);
    assert.deepEqual(await needed(), ['listeners'], 'another reload changes nothing of it');
    assert.match((await gateway.cli('status')).stdout, /only after a restart: listeners/);
    const doctor = await gateway.cli('doctor');
    assert.match(doctor.stdout, /^config +WARN in force +.* listeners {2}→ restart the gateway$/m);
    await gateway.stop();
    await gateway.start();
    assert.deepEqual(await needed(), []);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
