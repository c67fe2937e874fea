/** Large messages pass in bounded memory, up to the limit to the byte. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { SmtpTalk, sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const MIB = 1024 * 1024;

/** Content of exactly `size` bytes with lines of 76 and a dot line now and then. */
function content(size: number): Buffer {
  const head = 'Subject: large\r\n\r\n';
  const block = `${'abcdefghij'.repeat(7)}abcd\r\n`.repeat(40) + '.dot\r\n';
  const bytes = Buffer.alloc(size, block, 'latin1');
  bytes.write(head, 0, 'latin1');
  bytes.write('\r\n', size - 2, 'latin1');
  // Whatever the cut at the end left of a line must not hold a bare CR or LF.
  bytes.fill('z', size - 90, size - 2);
  return bytes;
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

test('50 MiB pass through and through the queue, byte for byte, in bounded memory', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: 'limits: { message_size: 50MiB, min_free_space: 1MiB }\nqueue: { retry: [1s], probe: 1s }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const bytes = content(50 * MIB);
    const idle = residentBytes(gateway.pid);
    let peak = idle;
    const watch = setInterval(() => {
      peak = Math.max(peak, residentBytes(gateway.pid));
    }, 20);
    const send = () => sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], bytes);
    assert.match(await send(), /^250 .* delivered/);
    await destination.stop();
    assert.match(await send(), /^250 .* queued/);
    await destination.start();
    await until('the queued one', () => destination.arrived.length === 2, 60_000);
    clearInterval(watch);
    for (const arrived of destination.arrived) {
      assert.ok(arrived.content.subarray(-bytes.length).equals(bytes), 'byte for byte');
    }
    assert.ok(peak - idle < 150 * MIB, `grew by ${Math.round((peak - idle) / MIB)} MiB`);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('during an outage content of up to 1 MiB goes to its place in the store and nowhere else', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: 'limits: { min_free_space: 1MiB }\nqueue: { retry: [1s], probe: 1s }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    await destination.stop();
    // From here on nothing can be staged in a file.
    await rm(join(gateway.folder, 'data', 'staging'), { recursive: true });
    const send = (bytes: Buffer) =>
      sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], bytes);
    assert.match(await send(content(1.5 * MIB)), /^452 4\.3\.1 /);
    const all = [300_000, MIB].map(content);
    const folder = join(gateway.folder, 'data', 'store', 'content');
    for (const [index, bytes] of all.entries()) {
      const reply = await send(bytes);
      const id = /^250 2\.0\.0 Ok: (\S+) queued$/.exec(reply)?.[1] ?? '';
      assert.notEqual(id, '', reply);
      const stored = await readFile(join(folder, id));
      assert.ok(stored.subarray(-bytes.length).equals(bytes));
      assert.equal((await readdir(folder)).length, index + 1);
    }
    await destination.start();
    await until('both', () => destination.arrived.length === 2, 60_000);
    const cameWhole = (bytes: Buffer) =>
      destination.arrived.some((one) => one.content.subarray(-bytes.length).equals(bytes));
    assert.ok(all.every(cameWhole), 'byte for byte');
    await until('no file is left', async () => (await readdir(folder)).length === 0);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('the size limit holds to the byte, declared or not, and the session lives on', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: 'limits: { message_size: 100KiB }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    const talk = await SmtpTalk.greeted(gateway.port());
    const limit = 100 * 1024;
    for (const declared of [limit + 1, '9'.repeat(20)]) {
      const reply = await talk.say(`MAIL FROM:<a@b.example> SIZE=${declared}`);
      assert.match(reply, /^552 5\.3\.4 .* \(size\)$/);
    }
    const [refused] = gateway.events('smtp.reject.mail');
    assert.deepEqual([refused?.['from'], refused?.['why']], ['a@b.example', 'size']);
    assert.equal((await gateway.event('msg.in', ({ res }) => res === 'reject'))['why'], 'size');
    const trace = await gateway.cli('trace', 'a@b.example', '--result', 'rejected');
    assert.match(trace.stdout, / a@b\.example +- +rejected size /);
    assert.match(await talk.send('a@b.example', ['anna@example.org'], content(limit)), /^250/);
    assert.match(
      await talk.send('a@b.example', ['anna@example.org'], content(limit + 1)),
      /^552 5\.3\.4/,
    );
    assert.match(await talk.send('a@b.example', ['anna@example.org'], content(limit)), /^250/);
    assert.equal(destination.arrived.length, 2);
    await talk.quit();
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});
