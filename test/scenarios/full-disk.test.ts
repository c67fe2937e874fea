/** A disk that another program fills to its last byte: nothing is lost, and all goes on by itself. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { missing } from '../support/real-component.ts';
import { sendMail } from '../support/smtp-talk.ts';
import { until } from '../support/until.ts';

const WAITING = 40;

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
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=48m,mode=700', 'tmpfs', data]);
  const filling = join(data, 'fill');
  const fill = () => {
    const { bavail, bsize } = statfsSync(data);
    try {
      writeFileSync(filling, Buffer.alloc(bavail * bsize), { flag: 'a' });
    } catch {
      // The gateway writes as well: then there is no byte left either.
    }
  };
  const waits = () => gateway.event('srv.wait', ({ msg }) => /make room/.test(String(msg)));
  const lives = () => gateway.events('srv.ready').length;
  try {
    if (mounted.status !== 0) {
      missing(t, 'a small file system (mounting a tmpfs needs root)');
      return;
    }
    await gateway.start();
    for (let n = 0; n < WAITING; n++) {
      const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], 'x\r\n');
      assert.match(reply, /^250 .* queued/);
    }
    fill();
    await destination.start();
    // Under the running one: it begins anew in its process.
    const waiting = await waits();
    assert.equal(waiting.level, 'error');
    assert.match(String(waiting['msg']), /^\d+ MiB are free where the mail is stored/);
    await until('the alert', () => told.some((one) => /"disk_low","state":"raised"/.test(one)));
    assert.equal(gateway.exitCode, undefined);
    rmSync(filling);
    await until('it to be ready again', () => lives() === 2);
    await until('all of it to arrive', () => destination.arrived.length >= WAITING);
    await until('the end of it', () =>
      told.some((one) => /"disk_low","state":"cleared"/.test(one)),
    );
    await gateway.stop();

    // And one that finds it full when it starts.
    fill();
    await gateway.spawn();
    await waits();
    rmSync(filling);
    await until('it to be ready', () => lives() === 1);
    await gateway.stop();
    fill();
    await gateway.spawn();
    await waits();
    assert.equal(await gateway.stop(), 0, 'whoever waits can be stopped');
  } finally {
    await gateway.stop().catch(() => gateway.kill());
    spawnSync('umount', ['-l', data]);
    await gateway.remove();
    await destination.stop();
    hook.close();
  }
});
