/** What the store does when the disk fails it, is full, in use, not writable or of another layout. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { FolderRoom } from '../../src/base/disk-room.ts';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import { DiskWatermark } from '../../src/store/leveldb/disk-watermark.ts';
import { guard } from '../../src/store/leveldb/guard.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { until } from '../support/until.ts';
import { levelFixture, observedFiles } from './level-fixture.ts';
import { bytesOf, collect, contentOf, entry } from './sample-mail.ts';
import { StillClock } from './still-clock.ts';

const SMALL = contentOf(bytesOf(1000));
const CLAIM = { dest: 'example.com', n: 9, leaseMs: 1000 };

test('after a failed write nothing is written, everything is refused, and it is told once', async (t) => {
  let full = false;
  let tried = 0;
  const fixture = await levelFixture({
    before() {
      if (!full) return;
      tried++;
      throw Object.assign(new Error('No space left on device'), { code: 'ENOSPC' });
    },
  });
  t.after(() => fixture.close());
  const { spool, ttl } = fixture.store;
  await spool.commit(entry('A.1'), 0, SMALL);
  const [lease] = await spool.claim(CLAIM);
  assert.ok(lease);
  full = true;
  const failed = { code: 'STORE_FAILED' };
  await assert.rejects(spool.commit(entry('B.1'), 0, SMALL), failed);
  full = false;
  await assert.rejects(spool.commit(entry('C.1'), 0, SMALL), failed);
  await assert.rejects(spool.complete([lease]), failed);
  await assert.rejects(spool.claim(CLAIM), failed);
  await assert.rejects(spool.get('A.1'), failed);
  await assert.rejects(spool.administer('A.1', { kind: 'remove' }), failed);
  await assert.rejects(collect(spool.readContent('A.1')), failed);
  await assert.rejects(ttl.put('rcpt', 'a', new Uint8Array(), 1), failed);
  assert.equal(tried, 1, 'nothing is written after it');
  assert.equal(fixture.failures.length, 1);
  assert.match(String(fixture.failures[0]?.message), /No space left/);
  const { spool: again } = await fixture.reopen();
  const leases = await again.claim(CLAIM);
  assert.deepEqual(
    leases.map(({ id }) => id),
    ['A.1'],
    'what was promised before is there, what was refused is not',
  );
});

/** How often it is written to: what comes as a stream in pieces, what lies in memory at once. */
const WAYS = [
  { how: 'a stream', content: contentOf(bytesOf(700_000), { streamed: true }), writes: 3 },
  { how: 'memory', content: contentOf(bytesOf(700_000)), writes: 1 },
];
for (const { how, content, writes } of WAYS) {
  test(`a failure at any step of large content from ${how} leaves nothing behind`, async (t) => {
    let failAt = Infinity;
    let step = 0;
    let code = 'EIO';
    const fail = () => {
      step++;
      if (step === failAt) throw Object.assign(new Error('the disk says no'), { code });
    };
    // A write that fails has written.
    const access = observedFiles(
      (what) => (what === 'write' ? undefined : fail()),
      (what) => (what === 'write' ? fail() : undefined),
    );
    const fixture = await levelFixture({ access, before: fail });
    t.after(() => fixture.close());
    const commit = (nth: number, why: string) => {
      step = 0;
      failAt = nth;
      code = why;
      return fixture.store.spool.commit(entry('A.1'), 0, content);
    };
    const files = () => readdir(join(fixture.folder, 'content'));
    const [created, written, synced, batch] = [1, 1 + writes, 2 + writes, 4 + writes];
    for (let nth = created; nth <= batch; nth++) {
      await assert.rejects(commit(nth, 'EIO'), { code: 'STORE_FAILED' }, `step ${nth}`);
      // Nobody waits for a store that has failed.
      if (nth < batch)
        await until(`no file after step ${nth}`, async () => (await files()).length === 0);
      failAt = Infinity;
      const { spool } = await fixture.reopen();
      assert.equal(await spool.get('A.1'), undefined);
      await fixture.reopen();
      assert.deepEqual(await files(), [], `step ${nth}`);
    }
    for (const nth of [created, written]) {
      const before = fixture.failures.length;
      await assert.rejects(commit(nth, 'ENOSPC'), { code: 'STORE_FULL' });
      assert.equal(fixture.failures.length, before, 'no room is no failure');
      assert.deepEqual(await files(), []);
    }
    await assert.rejects(commit(synced, 'ENOSPC'), { code: 'STORE_FAILED' }, 'a sync that failed');
    failAt = Infinity;
    const { spool } = await fixture.reopen();
    step = 0;
    await spool.commit(entry('A.1'), 0, content);
    assert.equal(step, batch);
    assert.deepEqual(await collect(spool.readContent('A.1')), bytesOf(700_000));
    await spool.administer('A.1', { kind: 'remove' });
    await until('the file is gone', async () => (await files()).length === 0);
  });
}

test('every change of the spool asks for a synced batch', async (t) => {
  const unsynced: string[] = [];
  const fixture = await levelFixture({
    before: (ops, sync) => void (sync || unsynced.push(...ops.map(({ key }) => key))),
  });
  t.after(() => fixture.close());
  const { spool, ttl } = fixture.store;
  for (const id of ['A.1', 'B.1', 'C.1']) await spool.commit(entry(id), 0, SMALL);
  await spool.commit(entry('D.1'), 0, contentOf(bytesOf(900_000)));
  const [a, b] = await spool.claim(CLAIM);
  assert.ok(a && b);
  await spool.complete([a]);
  await spool.reschedule([{ held: b, entry: b.entry, dueAt: 5 }]);
  await spool.administer('B.1', { kind: 'remove' });
  assert.deepEqual(unsynced, []);
  await ttl.put('rcpt', 'a', new Uint8Array(), 1);
  assert.deepEqual(unsynced, ['t!rcpt!a'], 'the observer sees the flag');
});

test('a write that hangs is a failed write', async () => {
  const clock = new StillClock();
  const failures: string[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'sluice-hang-'));
  const database = await openDatabase(folder);
  const hanging = { ...database, batch: () => new Promise<void>(() => undefined) };
  const guarded = guard(hanging, { clock, onFailure: (error) => failures.push(error.code) });
  const write = assert.rejects(guarded.batch([], { sync: true }), { code: 'STORE_FAILED' });
  clock.move(60_000);
  await write;
  assert.deepEqual(failures, ['STORE_FAILED']);
  await database.close();
  await rm(folder, { recursive: true });
});

test('low disk refuses mail before the store suffers, and takes it when there is room', async () => {
  const clock = new StillClock();
  const log = new RecordedLog();
  let free = 1000;
  let asked = 0;
  let files: number | undefined = 1000;
  const room = async () => {
    asked++;
    return { freeBytes: free, freeFiles: files };
  };
  const options = { folder: '.', minFreeBytes: 500, clock, log };
  const watermark = new DiskWatermark({ ...options, room: new FolderRoom('.', clock, room) });
  const full = { code: 'STORE_FULL' };
  await watermark.admit(300);
  await assert.rejects(watermark.admit(300), full, 'what was admitted is subtracted');
  await assert.rejects(watermark.admit(300), full);
  await watermark.admit(200);
  assert.equal(asked, 1, 'once a second');
  clock.move(1000);
  await Promise.all([watermark.admit(100), watermark.admit(100)]);
  assert.equal(asked, 2);
  clock.move(1000);
  free = 100;
  await assert.rejects(watermark.admit(0), full);
  clock.move(1000);
  free = 1000;
  await watermark.admit(1);
  clock.move(1000);
  files = undefined;
  await watermark.admit(1);
  clock.move(1000);
  files = 199;
  await assert.rejects(watermark.admit(1), full, 'LevelDB needs files of its own');
  assert.equal(log.of('store.full').length, 3, 'one event each time it becomes full');
});

test('what a disk said a second ago counts no more once it does not answer', async () => {
  const clock = new StillClock();
  const answers = [async () => ({ freeBytes: 1000, freeFiles: undefined })];
  const room = () => answers.shift()?.() ?? Promise.reject(new Error('it says nothing'));
  const options = { folder: '.', minFreeBytes: 500, clock, log: new RecordedLog() };
  const watermark = new DiskWatermark({ ...options, room: new FolderRoom('.', clock, room) });
  await watermark.admit(1);
  clock.move(1000);
  const silent = { code: 'STORE_FULL', message: /it says nothing/ };
  await assert.rejects(watermark.admit(1), silent);
  await assert.rejects(watermark.admit(1), silent, 'for the rest of the second too');
  answers.push(async () => ({ freeBytes: 1000, freeFiles: undefined }));
  clock.move(1000);
  await watermark.admit(1);
});

test('a full disk is no failure of the store', async (t) => {
  const fixture = await levelFixture({ minFreeBytes: Number.MAX_SAFE_INTEGER });
  t.after(() => fixture.close());
  const { spool } = fixture.store;
  await assert.rejects(spool.commit(entry('A.1'), 0, SMALL), { code: 'STORE_FULL' });
  assert.deepEqual(await spool.claim(CLAIM), []);
  assert.deepEqual(fixture.failures, []);
});

test('a store in use says so', async (t) => {
  const fixture = await levelFixture();
  t.after(() => fixture.close());
  await assert.rejects(openDatabase(fixture.folder), { code: 'STORE_LOCKED', message: /in use/ });
});

test('a store of another layout is refused', async (t) => {
  const fixture = await levelFixture();
  t.after(() => rm(join(fixture.folder, '..'), { recursive: true }));
  await fixture.store.close();
  const database = await openDatabase(fixture.folder);
  const value = Buffer.from('99');
  await database.batch([{ type: 'put', key: 's!format', value }], { sync: true });
  await database.close();
  await assert.rejects(fixture.reopen(), { code: 'STORE_DAMAGED', message: /layout 99/ });
});

test('a folder that cannot be written is named with the reason', async (t) => {
  const base = await mkdtemp(join(tmpdir(), 'sluice-readonly-'));
  t.after(async () => {
    await chmod(base, 0o755);
    await rm(base, { recursive: true });
  });
  await writeFile(join(base, 'file'), '');
  await assert.rejects(openDatabase(join(base, 'file', 'spool')), { code: 'STORE_FAILED' });
  await chmod(base, 0o555);
  // Permissions do not hold root back, so root becomes somebody else for this.
  const script = `
    if (process.getuid() === 0) process.setuid(65534);
    const { openDatabase } = await import(process.argv[1]);
    await openDatabase(process.argv[2]).catch(({ code, message }) => console.log(code, message));`;
  const source = new URL('../../src/store/leveldb/database.ts', import.meta.url).href;
  const args = ['--input-type=module', '-e', script, source, join(base, 'spool')];
  const child = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 });
  assert.match(child.stdout, /^STORE_FAILED store .*spool: EACCES/, child.stderr);
});
