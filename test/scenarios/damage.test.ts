/** A message whose stored content is damaged on disk is held at its first attempt and never sent. */
import assert from 'node:assert/strict';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { sendMail } from '../support/smtp-talk.ts';

const mail = (size: number) => `Subject: x\r\n\r\n${`${'y'.repeat(98)}\r\n`.repeat(size / 100)}`;

/** Turns one byte in the middle of the only stored content. */
async function damageContent(store: string): Promise<void> {
  const [file] = await readdir(join(store, 'content'));
  if (file !== undefined) {
    const handle = await open(join(store, 'content', file), 'r+');
    await handle.write(Buffer.from('#'), 0, 1, 500_000);
    await handle.close();
    return;
  }
  const database = await openDatabase(store);
  for await (const [part] of database.entries({ gte: 'b!', lt: 'b"' })) {
    assert.ok(part);
    const [key, value] = part;
    const turned = Buffer.from(value);
    turned.writeUInt8(turned.readUInt8(100) ^ 1, 100);
    await database.batch([{ type: 'put', key, value: turned }], { sync: true });
    break;
  }
  await database.close();
}

for (const size of [1000, 2_000_000]) {
  test(`damage in a stored message of ${size} bytes: held, nothing is sent`, async () => {
    const destination = await new Destination().start();
    await destination.stop();
    const gateway = await Gateway.run({
      node: 'queue: { retry: [200ms], probe: 200ms }',
      domains: { 'example.org': domainFile(destination.port) },
    });
    try {
      const sent = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(size));
      assert.match(sent, /^250 .* queued/);
      await gateway.stop();
      await damageContent(join(gateway.folder, 'data', 'store'));
      await gateway.start();
      await destination.start();
      const held = await gateway.event('rcpt.hold');
      assert.equal(held['why'], 'damaged');
      assert.equal(gateway.events('rcpt.defer').length, 0, 'at the first attempt');
      assert.deepEqual(destination.arrived, []);
      const { stdout } = await gateway.cli('queue', 'list');
      assert.match(stdout, /damaged/);
    } finally {
      await gateway.remove();
      await destination.stop();
    }
  });
}
