/** A disk that another program fills to its last byte: nothing is lost, and all goes on by itself. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { missing } from '../support/real-component.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const WAITING = 40;
const DISK_MIB = 48;
const DISK_FILES = 4096;

test('filled to its last byte: it waits for room, tells of it, and goes on', async (t) => {
  const told: string[] = [];
  const hook = createServer((request, answer) => {
    request.on('data', (chunk: Buffer) => told.push(chunk.toString()));
    request.on('end', () => answer.end());
  });
  await new Promise<void>((resolve) => {
    hook.listen(0, '127.0.0.1', resolve);
  });
  const { port } = hook.address() as AddressInfo; // it listens on a port
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.make({
    node: `limits: { min_free_space: 2MiB }\nalerts: { webhook: "http://127.0.0.1:${port}/" }\nqueue: { retry: [1s], probe: 1s }`,
    domains: { 'example.org': domainFile(destination.port) },
  });
  const data = join(gateway.folder, 'data');
  mkdirSync(data);
  const disk = SmallDisk.mount(data, DISK_MIB, DISK_FILES);
  const waits = () => gateway.event('srv.wait', ({ msg }) => /make room/.test(String(msg)));
  const lives = () => gateway.events('srv.ready').length;
  try {
    if (disk === undefined) {
      missing(t, 'a small file system (mounting one needs root and a loop device)');
      return;
    }
    await gateway.start();
    for (let n = 0; n < WAITING; n++) {
      const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], 'x\r\n');
      assert.match(reply, /^250 .* queued/);
    }
    disk.fill();
    await destination.start();
    // Under the running one: it begins anew in its process.
    const waiting = await waits();
    assert.equal(waiting.level, 'error');
    assert.match(String(waiting['msg']), /^\d+ MiB are free where the mail is stored/);
    await until('the alert', () => told.some((one) => /"disk_low","state":"raised"/.test(one)));
    assert.equal(gateway.exitCode, undefined);
    disk.empty();
    await until('it to be ready again', () => lives() === 2);
    await until('all of it to arrive', () => destination.arrived.length >= WAITING);
    await until('the end of it', () =>
      told.some((one) => /"disk_low","state":"cleared"/.test(one)),
    );
    await gateway.stop();

    // And one that finds it full when it starts.
    disk.fill();
    await gateway.spawn();
    await waits();
    disk.empty();
    await until('it to be ready', () => lives() === 1);
    await gateway.stop();
    disk.fill();
    await gateway.spawn();
    await waits();
    assert.equal(await gateway.stop(), 0, 'whoever waits can be stopped');
  } finally {
    await gateway.stop().catch(() => gateway.kill());
    disk?.unmount();
    await gateway.remove();
    await destination.stop();
    hook.close();
  }
});

test('0B of free space and no byte left: mail is put off, and everybody is told', async (t) => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.make({
    node: 'limits: { min_free_space: 0B }\nalerts: { after: 0s, free_space: 0B }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  const store = join(gateway.folder, 'data', 'store');
  mkdirSync(store, { recursive: true });
  const disk = SmallDisk.mount(store, DISK_MIB, DISK_FILES);
  try {
    if (disk === undefined) {
      missing(t, 'a small file system (mounting one needs root and a loop device)');
      return;
    }
    await gateway.start();
    const send = () => sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], 'x\r\n');
    assert.match(await send(), /^250 .* queued/);
    disk.fill();
    // What the disk said counts for a second.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.match(await send(), /^452 4\.3\.1 .*spool_full/);
    await gateway.event('alert.raise', ({ alert }) => alert === 'disk_low');
    const health = await fetch(`${gateway.control()}/readyz?verbose`);
    assert.equal(health.status, 503);
    assert.match(await health.text(), /^FAIL disk {2}\S+ free, 1MiB must stay free/m);
    disk.empty();
    await gateway.event('alert.clear', ({ alert }) => alert === 'disk_low');
    assert.match(await send(), /^250 .* queued/);
    assert.deepEqual(gateway.events('store.error'), [], 'nothing is written without room');
  } finally {
    await gateway.stop().catch(() => gateway.kill());
    disk?.unmount();
    await gateway.remove();
    await destination.stop();
  }
});
