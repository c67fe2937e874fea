/** A disk that stands still: nobody waits longer for a look into the store than for a write to it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk } from '../support/smtp-talk.ts';
import { StillDisk } from '../support/still-disk.ts';
import { until } from '../support/until.ts';

/** More than lies in memory. */
const LARGE = `Subject: x\r\n\r\n${`${'y'.repeat(98)}\r\n`.repeat(20_000)}`;

test('who must be looked up on a disk that stands still is put off, and taken when it goes on', async () => {
  const destination = await new Destination().start();
  const disk = await StillDisk.make();
  const gateway = await Gateway.run({
    nodeArguments: disk.nodeArguments,
    domains: {
      'example.org': domainFile(destination.port, { recipients: 'callout' }),
      'any.test': domainFile(destination.port, {}, 'any.test'),
    },
  });
  try {
    const talk = await SmtpTalk.greeted(gateway.port());
    const impatient = await SmtpTalk.greeted(gateway.port());
    for (const one of [talk, impatient]) await one.say('MAIL FROM:<a@b.example>');
    await disk.stop(gateway);
    const startedAt = Date.now();
    assert.match(await talk.say('RCPT TO:<anna@example.org>'), /^451 4\.3\.0 /);
    assert.ok(Date.now() - startedAt >= 1900, 'for as long as a disk is waited for');
    // One has waited for all: whoever comes meanwhile need not wait as long again.
    const soon = Date.now();
    assert.match(await impatient.say('RCPT TO:<eve@example.org>'), /^451 4\.3\.0 /);
    assert.ok(Date.now() - soon < 1000, `${Date.now() - soon} ms`);
    assert.match(await talk.say('RSET'), /^250 /, 'the session goes on');
    assert.match(
      await talk.send('a@b.example', ['x@any.test'], 'Subject: x\r\n\r\n'),
      /^250 .*deliv/,
    );
    assert.equal(gateway.events('crash').length, 0, gateway.tail());
    const told = gateway.events('store.error');
    assert.deepEqual(
      told.map(({ msg }) => msg),
      ['store: no answer within 60000 ms'],
    );
    disk.goOn();
    const taken = () => impatient.say('RCPT TO:<anna@example.org>');
    await until('it to be taken', async () => (await taken()).startsWith('250'));
    assert.ok(!destination.rcptAsked.includes('eve@example.org'));
    await Promise.all([talk.quit(), impatient.quit()]);
  } finally {
    await disk.remove();
    await gateway.remove();
    await destination.stop();
  }
});

test('whoever asks how much room there is waits for himself alone', async () => {
  const destination = await new Destination().start();
  const disk = await StillDisk.make();
  const gateway = await Gateway.run({
    nodeArguments: disk.nodeArguments,
    node: 'alerts: { after: 0s }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const talk = await SmtpTalk.greeted(gateway.port());
    const metrics = async () => (await fetch(`${gateway.control()}/metrics`)).text();
    assert.match(await metrics(), /^sluice_spool_free_bytes \d+$/m);
    await disk.stop(gateway);
    const answers = metrics();
    let longest = 0;
    // The records look two seconds after the start, the alerts every five.
    const end = Date.now() + 6000;
    while (Date.now() < end) {
      const asked = Date.now();
      assert.match(await talk.say('NOOP'), /^250 /);
      longest = Math.max(longest, Date.now() - asked);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(longest < 1000, `NOOP took ${longest} ms`);
    assert.doesNotMatch(await answers, /^sluice_spool_free_bytes \d+$/m);
    assert.match(await answers, /^sluice_store_up\{engine="leveldb"\} 1$/m);
    await talk.quit();
  } finally {
    await disk.remove();
    await gateway.remove();
    await destination.stop();
  }
});

test('of what needs no disk alerts go on, and write nothing down before it speaks', async () => {
  const destination = await new Destination().start();
  const disk = await StillDisk.make();
  const gateway = await Gateway.run({
    nodeArguments: disk.nodeArguments,
    node: 'alerts: { after: 0s }\nqueue: { probe: 1s }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const raised = (kind: string) => gateway.event('alert.raise', ({ alert }) => alert === kind);
    await destination.stop();
    const talk = await SmtpTalk.greeted(gateway.port());
    await talk.send('a@b.example', ['anna@example.org'], 'Subject: x\r\n\r\n');
    await gateway.event('dest.down');
    await disk.stop(gateway);
    await raised('destination_down');
    await new Promise((resolve) => setTimeout(resolve, 4000));
    assert.deepEqual(gateway.events('alert.fail'), []);
    assert.equal(gateway.exitCode, undefined);
    disk.goOn();
    await destination.start();
    await gateway.event('alert.clear', ({ alert }) => alert === 'destination_down');
    await gateway.stop();
    await gateway.start();
    assert.equal((await gateway.cli('alert', 'list', '--json')).stdout, '');
  } finally {
    await disk.remove();
    await gateway.remove();
    await destination.stop();
  }
});

test('content that cannot be read while it is delivered: the connection ends before the dot', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const disk = await StillDisk.make();
  const gateway = await Gateway.run({
    nodeArguments: disk.nodeArguments,
    node: 'queue: { retry: [1s], probe: 1s }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const talk = await SmtpTalk.greeted(gateway.port());
    const reply = await talk.send('a@b.example', ['anna@example.org'], LARGE);
    assert.match(reply, /^250 .* queued/);
    stopBeforeContent(destination, gateway);
    await destination.start();
    const put = await gateway.event('rcpt.defer', ({ text }) => /60000/.test(String(text)));
    assert.match(JSON.stringify(put), /could not be read back.* no answer within 60000 ms/);
    await until('the connection to end', () => destination.connected === 0);
    assert.equal(destination.arrived.length, 0, 'nothing of it passes for the whole');
    disk.goOn();
    await until('the mail', () => destination.arrived.length > 0, 20_000);
    assert.equal(destination.arrived.length, 1);
    const [arrived] = destination.arrived;
    assert.ok(arrived?.content.toString().endsWith(LARGE));
    await talk.quit();
  } finally {
    await disk.remove();
    await gateway.remove();
    await destination.stop();
  }
});

test('content that cannot be read while its sender waits: nothing of it passes for the whole, he hears 4xx', async () => {
  const destination = await new Destination().start();
  const disk = await StillDisk.make();
  const gateway = await Gateway.run({
    nodeArguments: disk.nodeArguments,
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    stopBeforeContent(destination, gateway);
    const talk = await SmtpTalk.greeted(gateway.port());
    assert.match(await talk.send('a@b.example', ['anna@example.org'], LARGE), /^4\d\d /);
    assert.deepEqual([destination.connected, destination.arrived.length], [0, 0]);
    disk.goOn();
    const again = () => talk.send('a@b.example', ['anna@example.org'], LARGE);
    await until('it to be taken', async () => (await again()).startsWith('250'));
    assert.equal(destination.arrived.length, 1);
    await talk.quit();
  } finally {
    await disk.remove();
    await gateway.remove();
    await destination.stop();
  }
});

/** The disk stands still before the content is asked for, the first time. */
function stopBeforeContent({ behaviour }: Destination, gateway: Gateway): void {
  let isStill = false;
  behaviour.rcpt = () => {
    if (isStill) return '250 2.1.5 ok';
    isStill = true;
    gateway.signal('SIGUSR2');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    return '250 2.1.5 ok';
  };
}
