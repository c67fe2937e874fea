/** Large content that lies in a file already becomes the stored one, and is proven like any other. */
import assert from 'node:assert/strict';
import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { levelFixture } from './level-fixture.ts';
import { bytesOf, collect, entry, stagedContent } from './sample-mail.ts';

const BYTES = bytesOf(1_500_000);

test('the file that the content was staged in is the stored one, over a restart', async (t) => {
  const fixture = await levelFixture();
  t.after(() => fixture.close());
  const content = await stagedContent(fixture.folder, BYTES, t);
  const [name = ''] = await readdir(join(fixture.folder, '..', 'staging'));
  const { ino } = await stat(join(fixture.folder, '..', 'staging', name));
  await fixture.store.spool.commit(entry('A.1'), 1, content);
  const stored = join(fixture.folder, 'content', 'A.1');
  assert.equal((await stat(stored)).ino, ino);
  assert.equal(fixture.store.spool.totals().bytes, BYTES.length);
  const { spool } = await fixture.reopen();
  assert.ok((await collect(spool.readContent('A.1'))).equals(BYTES));

  const bytes = await readFile(stored);
  bytes.writeUInt8(bytes.readUInt8(700_000) ^ 4, 700_000);
  await writeFile(stored, bytes);
  await assert.rejects(collect(spool.readContent('A.1')), { code: 'STORE_DAMAGED' });
  const file = await open(stored, 'r+');
  await file.truncate(1000);
  await file.close();
  await assert.rejects(collect(spool.readContent('A.1')), { code: 'STORE_DAMAGED' });
});

test('a file that cannot move is copied, and so is one with a long header of ours', async (t) => {
  const fixture = await levelFixture();
  t.after(() => fixture.close());
  const { spool } = fixture.store;
  const content = await stagedContent(fixture.folder, BYTES, t);
  const stays = { ...content.file, moveTo: () => Promise.resolve(false) };
  await spool.commit(entry('A.1'), 1, { ...content, file: stays });
  const before = Buffer.alloc(20_000, 'x');
  const long = { ...content.file, before, moveTo: () => assert.fail('moved') };
  await spool.commit(entry('B.1'), 1, { ...content, file: long });
  for (const id of ['A.1', 'B.1'])
    assert.ok((await collect(spool.readContent(id))).equals(BYTES), id);
});

test('a file that cannot be synced condemns the store, one without room does not', async (t) => {
  const fixture = await levelFixture();
  t.after(() => fixture.close());
  const { spool } = fixture.store;
  const content = await stagedContent(fixture.folder, BYTES, t);
  const fault = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));
  const full = { ...content.file, moveTo: fault('ENOSPC') };
  await assert.rejects(spool.commit(entry('A.1'), 1, { ...content, file: full }), {
    code: 'STORE_FULL',
  });
  const broken = { ...content.file, sync: fault('EIO') };
  await assert.rejects(spool.commit(entry('A.1'), 1, { ...content, file: broken }), {
    code: 'STORE_FAILED',
  });
  await assert.rejects(spool.commit(entry('B.1'), 1, content), { code: 'STORE_FAILED' });
});
