/** Storage trouble is 452, never 5xx, and loses nothing that was accepted. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { missing } from '../support/real-component.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { sendMail, SmtpTalk } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const KEPT = '127.0.4.9';
const NO_ROOM = /^452 4\.3\.1 .*spool_full/;
const mail = (size: number) => `Subject: x\r\n\r\n${`${'y'.repeat(98)}\r\n`.repeat(size / 100)}`;

test('too little free space: 452 for what needs the disk, relay goes on', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: 'limits: { min_free_space: 1024GiB }\nalerts: { after: 0s }',
    domains: {
      'example.org': domainFile(destination.port),
      'kept.test': domainFile(
        destination.port,
        { outgoing: `{ enabled: true, accounts: [{ ip: ${KEPT}, archive: true }] }` },
        'kept.test',
      ),
    },
  });
  try {
    const send = (size = 1000) =>
      sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(size));
    assert.match(await send(), /^250 .* delivered/);
    // What does not fit into memory lies in a file meanwhile; who sends enough of it fills the disk.
    assert.match(await send(1_100_000), NO_ROOM);
    const talk = await SmtpTalk.greeted(gateway.port(), 'mail.kept.test', KEPT);
    const kept = await talk.send(
      'a@kept.test',
      ['anna@example.org'],
      `From: a@kept.test\r\n${mail(100)}`,
    );
    assert.match(kept, NO_ROOM, 'and the archive fills nobody else up');
    await talk.quit();
    await destination.stop();
    assert.match(await send(), NO_ROOM);
    for (let n = 0; n < 5; n++) assert.match(await send(), NO_ROOM);
    const full = gateway.events('store.full');
    const warned = full.filter(({ level }) => level === 'warn');
    assert.deepEqual(
      warned.map(({ count }) => count),
      [1],
      'one line a minute',
    );
    const each = full.filter(({ id }) => id !== undefined);
    assert.ok(each.length >= 6, `${each.length} messages`);
    const trace = await gateway.cli('trace', String(each.at(-1)?.['id']), '--json');
    assert.match(trace.stdout, /"evt":"store.full"/);
    assert.deepEqual(gateway.events('store.error'), [], 'the store is sound');
    const alert = await gateway.event('alert.raise', (line) => line['alert'] === 'disk_low');
    assert.match(String(alert['text']), /^\d+ MiB are free .* put off \(452\)$/);
    // Who balances load, or looks at it, is told: mail that must wait cannot be taken here.
    const status = await gateway.cli('status');
    assert.equal(status.code, 2);
    assert.match(status.stdout, / {2}disk low: \S+ free, nothing is stored below 1024G/);
    const answer = await fetch(`${gateway.control()}/readyz?verbose`);
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /^FAIL disk {2}\S+ free, 1024GiB must stay free/m);
  } finally {
    await gateway.remove();
  }
});

test('a disk that is full under the store: 452, and what was accepted is delivered later', async (t) => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.make({
    node: 'limits: { min_free_space: 2MiB }\nalerts: { after: 0s, free_space: 0B }\nqueue: { retry: [1s], probe: 1s }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  // On a disk of its own: that is the one that counts.
  const store = join(gateway.folder, 'data', 'store');
  mkdirSync(store, { recursive: true });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=700', 'tmpfs', store]);
  if (mounted.status !== 0) {
    await gateway.remove();
    missing(t, 'a small file system (mounting a tmpfs needs root)');
    return;
  }
  try {
    await gateway.start();
    const send = (size: number) =>
      sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(size));
    let accepted = 0;
    let reply = '';
    for (let n = 0; n < 60; n++) {
      reply = await send(1_000_000);
      if (reply.startsWith('250')) accepted += 1;
      else break;
    }
    assert.ok(accepted > 0, reply);
    assert.match(reply, /^452 4\.3\.1/);
    assert.match(await send(1000), /^(452 4\.3\.1|250|421)/, 'never a 5xx');
    const { bavail, bsize } = statfsSync(store);
    writeFileSync(join(store, 'fill'), Buffer.alloc(bavail * bsize - 1_000_000));
    await gateway.event('alert.raise', (line) => line['alert'] === 'disk_low');
    const status = await gateway.cli('status');
    assert.equal(status.code, 2);
    assert.match(status.stdout, / {2}disk low: /);
    assert.match((await gateway.cli('doctor')).stdout, /FAIL disk +\S+ free, nothing is stored/);
    rmSync(join(store, 'fill'));
    await gateway.stop();
    spawnSync('mount', ['-o', 'remount,size=256m', store]);
    await destination.start();
    await gateway.start();
    await until(
      'all accepted ones delivered',
      () => destination.arrived.length >= accepted,
      20_000,
    );
  } finally {
    await gateway.stop().catch(() => gateway.kill());
    spawnSync('umount', ['-l', store]);
    await gateway.remove();
    await destination.stop();
  }
});

test('a disk that becomes read-only: 4xx, the gateway ends, and goes on once it is mended', async (t) => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.make({
    node: 'limits: { min_free_space: 1MiB }\nqueue: { retry: [1s], probe: 1s }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  const data = join(gateway.folder, 'data');
  mkdirSync(data);
  const disk = SmallDisk.mount(data, 48, 4096);
  try {
    const send = (size: number) =>
      sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(size));
    if (disk !== undefined) await gateway.start();
    if (disk !== undefined) assert.match(await send(10_000), /^250 .* queued/);
    if (disk?.goReadOnly() !== true) {
      missing(t, 'an ext4 file system that can be made to fail (needs root)');
      return;
    }
    assert.match(await send(500_000), NO_ROOM);
    assert.equal(await gateway.stopped(), 2, 'who watches over it starts it again');
    const fault = gateway.events('store.error').map(({ msg }) => String(msg));
    assert.match(fault.join('\n'), /read-only file system/i);
    const doctor = await gateway.cli('doctor');
    assert.match(doctor.stdout, /FAIL file system +ext4 at \S+ is mounted read-only/);
    disk.mend();
    await destination.start();
    await gateway.start();
    await until('the mail to arrive', () => destination.arrived.length === 1);
  } finally {
    await gateway.stop().catch(() => gateway.kill());
    disk?.unmount();
    await gateway.remove();
    await destination.stop();
  }
});

test('no more files on the disk: 452 before the store needs one, and everybody is told', async (t) => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.make({
    node: 'limits: { min_free_space: 1MiB }\nalerts: { after: 0s }\nqueue: { retry: [1s], probe: 1s }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  const data = join(gateway.folder, 'data');
  mkdirSync(data);
  const disk = SmallDisk.mount(data, 48, 2000);
  if (disk === undefined) {
    await gateway.remove();
    missing(t, 'a small ext4 file system (needs root and a loop device)');
    return;
  }
  try {
    await gateway.start();
    const send = (size: number) =>
      sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(size));
    assert.match(await send(1000), /^250 .* queued/);
    const many = join(data, 'many');
    mkdirSync(many);
    const { ffree } = statfsSync(data);
    for (let n = 0; n < ffree - 100; n++) writeFileSync(join(many, String(n)), '');
    assert.match(await until('452', async () => (await send(1000)).match(NO_ROOM)?.[0]), NO_ROOM);
    const full = gateway.events('store.full').map(({ msg }) => String(msg));
    assert.match(full.join('\n'), /its disk has room for \d+ more files only/);
    const alert = await gateway.event('alert.raise', (line) => line['alert'] === 'disk_low');
    assert.match(String(alert['text']), /room for \d+ more files.* put off \(452\)$/);
    const status = await gateway.cli('status');
    assert.equal(status.code, 2);
    assert.match(status.stdout, / {2}disk low: room for \d+ more files/);
    rmSync(many, { recursive: true });
    await until('mail to be taken again', async () => (await send(1000)).startsWith('250'));
    await destination.start();
    await until('all of it to arrive', () => destination.arrived.length >= 2);
  } finally {
    await gateway.stop().catch(() => gateway.kill());
    disk.unmount();
    await gateway.remove();
    await destination.stop();
  }
});

test('a data folder that is a file: start says so and refuses', async () => {
  const gateway = await Gateway.make({ domains: { 'example.org': domainFile(25) } });
  try {
    writeFileSync(join(gateway.folder, 'data'), 'a file, no folder');
    await gateway.spawn();
    assert.equal(await gateway.stopped(), 78);
    assert.match(gateway.stderr, /sluice\.yaml:\d+:\d+ error data: /);
  } finally {
    await gateway.remove();
  }
});

test('a second gateway on the same data folder is refused', async () => {
  const gateway = await Gateway.run({ domains: { 'example.org': domainFile(25) } });
  try {
    const second = await gateway.cliProcess('start');
    assert.equal(second.code, 2);
    assert.match(second.stderr, /another process|in use/);
  } finally {
    await gateway.remove();
  }
});
