/**
 * Damage on disk, as an operator meets it: a message whose content is damaged is held at its first
 * attempt and never sent, one whose record is damaged is listed and can be removed, and a store that
 * cannot be opened is refused, looked at, exported from and repaired.
 */
import assert from 'node:assert/strict';
import { open, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import { Destination } from '../support/destination.ts';
import { domainFile } from '../support/domain-file.ts';
import { Gateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';
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

test('a store that cannot be opened: refused, told, exported, repaired, delivered', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.run({
    node: 'queue: { retry: [200ms], probe: 200ms }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    for (const size of [1000, 500_000])
      assert.match(
        await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(size)),
        /^250 .* queued/,
      );
    const running = await gateway.cli('store', 'check');
    assert.equal(running.code, 2);
    assert.match(running.stderr, /the gateway runs; stop it first/);
    await gateway.stop();
    await unlink(join(gateway.folder, 'data', 'store', 'CURRENT'));

    const start = await gateway.cliProcess('start');
    assert.equal(start.code, 2);
    assert.match(start.stderr, /CURRENT is missing.*sluice store check.*sluice store repair/s);

    const check = await gateway.cli('store', 'check');
    assert.equal(check.code, 2);
    assert.match(
      check.stdout,
      /damaged, and a gateway does not start.*2 messages whole and in place; nothing is wrong/s,
    );

    const folder = join(gateway.folder, 'saved');
    const saved = await gateway.cli('queue', 'export', '--all', '--offline', '--to', folder);
    assert.equal(saved.code, 2, 'all are written, and the store is damaged all the same');
    const names = (await readdir(folder)).toSorted();
    assert.equal(names.length, 4, names.join(' '));
    const [eml = '', json = ''] = names;
    assert.ok((await readFile(join(folder, eml), 'latin1')).endsWith(mail(1000)));
    const envelope = JSON.parse(await readFile(join(folder, json), 'utf8')) as { from: string };
    assert.equal(envelope.from, 'a@b.example');

    assert.equal((await gateway.cli('store', 'repair')).code, 64, 'it asks first');
    const repair = await gateway.cli('store', 'repair', '--yes');
    assert.equal(repair.code, 1, repair.stderr);
    assert.match(repair.stdout, /store\.before-repair/);
    await destination.start();
    await gateway.start();
    await until('both are delivered', () => destination.arrived.length === 2, 20_000);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a damaged record is listed and removed, the others are exported', async () => {
  const gateway = await Gateway.run({
    node: 'queue: { retry: [1h], probe: 1h }',
    domains: { 'example.org': domainFile(9) },
  });
  try {
    const ids: string[] = [];
    for (let n = 0; n < 2; n++) {
      const sent = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], mail(1000));
      ids.push(/Ok: (\S+) queued/.exec(sent)?.[1] ?? sent);
    }
    const [broken = '', whole = ''] = ids;
    await gateway.stop();
    const database = await openDatabase(join(gateway.folder, 'data', 'store'));
    const value = Buffer.from('00000000 {}');
    await database.batch([{ type: 'put', key: `m!${broken}`, value }], { sync: true });
    await database.close();
    await gateway.start();

    const list = await gateway.cli('queue', 'list', '--json');
    const states = list.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { id: string; state: string });
    assert.deepEqual(
      new Map(states.map(({ id, state }) => [id, state])),
      new Map([
        [broken, 'damaged'],
        [whole, 'deferred'],
      ]),
    );
    const only = await gateway.cli('queue', 'list', '--state', 'damaged');
    assert.match(only.stdout, /damaged/);
    assert.match((await gateway.cli('queue', 'retry', broken)).stdout, /damaged/);

    const folder = join(gateway.folder, 'saved');
    const saved = await gateway.cli('queue', 'export', 'ALL', '--to', folder);
    assert.equal(saved.code, 2, 'one could not be written');
    assert.deepEqual((await readdir(folder)).toSorted(), [`${whole}.eml`, `${whole}.json`]);

    assert.match((await gateway.cli('queue', 'delete', broken)).stdout, /deleted/);
    assert.equal((await gateway.cli('queue', 'count')).stdout, '1\n');
  } finally {
    await gateway.remove();
  }
});

test('a byte of the log that has changed is noticed at the start, and costs no other message', async () => {
  const destination = await new Destination().start();
  await destination.stop();
  const gateway = await Gateway.run({
    node: 'queue: { retry: [200ms], probe: 200ms }',
    domains: { 'example.org': domainFile(destination.port) },
  });
  try {
    for (const name of ['first', 'second', 'third']) {
      const content = `Subject: ${name}\r\n\r\nit is the ${name}\r\n`;
      const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], content);
      assert.match(reply, /^250 .* queued/);
    }
    await gateway.stop();
    const store = join(gateway.folder, 'data', 'store');
    const [log = ''] = (await readdir(store)).filter((name) => name.endsWith('.log'));
    const handle = await open(join(store, log), 'r+');
    const at = (await handle.readFile()).indexOf('it is the second');
    assert.ok(at > 0, 'what was promised last is in the log');
    await handle.write(Buffer.from('I'), 0, 1, at);
    await handle.close();

    await assert.rejects(gateway.start(), /its log \S+ is damaged at byte \d+/);
    const check = await gateway.cli('store', 'check');
    assert.equal(check.code, 2);
    assert.match(check.stdout, /2 messages whole and in place; 1 damaged-content/);
    const repair = await gateway.cli('store', 'repair', '--yes');
    assert.equal(repair.code, 1, repair.stderr);
    await destination.start();
    await gateway.start();
    await until('the others are delivered', () => destination.arrived.length === 2, 20_000);
    const told = destination.arrived.map(({ content }) => content.toString());
    for (const name of ['first', 'third'])
      assert.ok(
        told.some((content) => content.endsWith(`it is the ${name}\r\n`)),
        name,
      );
    const { stdout } = await gateway.cli('queue', 'list', '-H', '-o', 'state,reason');
    assert.match(stdout, /^hold .*\(damaged\)/);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

test('a table of which some cannot be read: a gateway starts, and a repair leaves nothing to do twice', async () => {
  const gateway = await Gateway.run({
    node: 'queue: { retry: [1h], probe: 1h }',
    domains: { 'example.org': domainFile(9) },
  });
  try {
    for (const content of [`X-First: yes\r\n${mail(200_000)}`, mail(1000)]) {
      const reply = await sendMail(gateway.port(), 'a@b.example', ['anna@example.org'], content);
      assert.match(reply, /^250 .* queued/);
    }
    await gateway.stop();
    const store = join(gateway.folder, 'data', 'store');
    await (await openDatabase(store)).close(); // what is in its log goes into a table
    assert.ok(await damageTable(store, 'X-First: yes'));
    const check = await gateway.cli('store', 'check');
    assert.equal(check.code, 2);
    assert.match(check.stdout, /^the store is damaged; a gateway may start on it and run without/m);
    await gateway.start();
    await gateway.stop();

    const repair = await gateway.cli('store', 'repair', '--yes');
    assert.match(repair.stdout, /^damaged-content .* is not whole; repair holds it$/m);
    const again = await gateway.cli('store', 'check');
    assert.equal(again.code, 1);
    assert.match(
      again.stdout,
      /^damaged-content .* is not whole; it is held, and can be deleted$/m,
    );
  } finally {
    await gateway.remove();
  }
});

/** What repeats itself is compressed in a table: other bytes in it cannot be read as anything. */
async function damageTable(store: string, beginning: string): Promise<boolean> {
  for (const name of await readdir(store)) {
    if (!name.endsWith('.ldb')) continue;
    const handle = await open(join(store, name), 'r+');
    const at = (await handle.readFile()).indexOf(beginning);
    if (at > 0) await handle.write(Buffer.alloc(500, 0xff), 0, 500, at + 50);
    await handle.close();
    if (at > 0) return true;
  }
  return false;
}

test('a disk that gives back other bytes under a running gateway: who needs them comes again, and people are told', async () => {
  const destination = await new Destination().start();
  const gateway = await Gateway.run({
    node: 'alerts: { after: 0s }\nqueue: { retry: [1s], probe: 1s }',
    domains: { 'example.org': domainFile(destination.port, { recipients: 'callout' }) },
  });
  try {
    const send = (to = 'anna@example.org', size = 1000) =>
      sendMail(gateway.port(), 'a@b.example', [to], mail(size));
    assert.match(await send(), /^250 .* delivered/);
    await destination.stop();
    // More than LevelDB keeps in memory.
    for (let n = 0; n < 100; n++) assert.match(await send('anna@example.org', 250_000), /^250 /);
    await gateway.stop();
    await gateway.start();
    await damageTables(join(gateway.folder, 'data', 'store'));
    assert.match(await send(), /^451 /);
    assert.match(await send('eve@example.org'), /^451 /);
    const alert = await gateway.event('alert.raise', ({ alert: kind }) => kind === 'store_damaged');
    assert.match(String(alert['text']), /cannot be read/);
    await gateway.event('alert.raise', ({ alert: kind }) => kind === 'destination_down');
    const status = await gateway.cli('status');
    assert.equal(status.code, 1);
    assert.match(status.stdout, / {2}store damaged: store: Corruption/);
    const health = await fetch(`${gateway.control()}/readyz?verbose`);
    assert.equal(health.status, 200, 'all else goes on');
    assert.match(await health.text(), /^WARN store {2}some of it cannot be read: .*Corruption/m);
    const listed = await gateway.cli('queue', 'list');
    assert.match(listed.stderr, /store: Corruption/);
    await destination.start();
    await until('mail to go on', async () => (await send()).startsWith('250'));
    assert.deepEqual(gateway.events('crash'), []);
  } finally {
    await gateway.remove();
    await destination.stop();
  }
});

/** All but the end of each, by which it is known. */
async function damageTables(store: string): Promise<void> {
  for (const name of await readdir(store)) {
    if (!name.endsWith('.ldb')) continue;
    const handle = await open(join(store, name), 'r+');
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(size - 60, '#'), 0, size - 60, 0);
    await handle.close();
  }
}
