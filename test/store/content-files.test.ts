/** Files of large content: what an earlier run left of a message and what is written of it now. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { CodedError } from '../../src/base/errors.ts';
import { ContentFiles, DISK } from '../../src/store/leveldb/content-files.ts';
import type { ContentFilesOptions } from '../../src/store/leveldb/content-files.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/until.ts';
import { bytesOf, collect, contentOf, stagedContent } from './sample-mail.ts';
import { StillClock } from './still-clock.ts';

/** The same at each attempt: a part of a mail for several, which a crash kept from its record. */
const PART = 'A.1-100002';
const BYTES = bytesOf(1_500_000);
const COPIED = contentOf(BYTES, { streamed: true });

/** A database on the same disk, with which nothing is wrong by itself. */
function sound(): ContentFilesOptions['database'] {
  let failure: CodedError | undefined;
  return {
    failure: () => failure,
    condemn: (cause) => (failure ??= new CodedError('STORE_FAILED', String(cause), { cause })),
    inTime: (read) => read(),
  };
}

/** Many files without a record, the last one of them of that part. */
async function leftOver(t: TestContext): Promise<{ files: ContentFiles; folder: string }> {
  const home = await mkdtemp(join(tmpdir(), 'sluice-content-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const folder = join(home, 'spool', 'content');
  await DISK.prepare(folder);
  const names = [...Array.from({ length: 300 }, (_, i) => `B.${i + 1}`), PART];
  for (const name of names) await writeFile(join(folder, name), 'half of it');
  const files = new ContentFiles({
    folder,
    clock: new StillClock(),
    database: sound(),
    access: { ...DISK, prepare: () => Promise.resolve(names) },
  });
  t.after(() => files.stop());
  await files.open();
  return { files, folder };
}

for (const how of ['copied', 'taken over'] as const) {
  test(`a message is stored though a crash left its file: ${how}`, async (t) => {
    const { files, folder } = await leftOver(t);
    const content = how === 'copied' ? COPIED : await stagedContent(folder, BYTES, t);
    files.sweep(async () => false);
    const stored = await files.write(PART, content);
    await until('the others are swept', async () => (await readdir(folder)).length <= 1);
    assert.deepEqual(await collect(files.read(PART, stored)), BYTES);
  });
}

test('two who write one id do not meet: one is put off, the other keeps its file', async (t) => {
  const { files, folder } = await leftOver(t);
  // Which of them comes first is the system's choice.
  const both = await Promise.allSettled([files.write('A.2', COPIED), files.write('A.2', COPIED)]);
  const kept = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const putOff = both.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  assert.deepEqual([kept.length, putOff.length], [1, 1]);
  assert.throws(
    () => {
      throw putOff[0];
    },
    { code: 'STORE_FULL' },
  );
  const [stored] = kept;
  assert.ok(stored !== undefined);
  assert.deepEqual(await collect(files.read('A.2', stored)), BYTES);
  assert.ok((await readdir(folder)).includes('A.2'));
});

test('what is being written when the store stops is given up, which is no fault', async (t) => {
  const { files, folder } = await leftOver(t);
  await files.write('A.1', COPIED);
  const late = files.write('A.2', COPIED);
  await files.stop();
  await assert.rejects(late, { code: 'STOPPING' });
  const names = await readdir(folder);
  assert.deepEqual([names.includes('A.1'), names.includes('A.2')], [true, false]);
});

test('a disk that stands still: all who wait hear of it at the same deadline, the tenth too', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-content-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const clock = new FakeClock();
  const never = new Promise<never>(() => undefined);
  const hanging = { writev: () => never, datasync: () => never, close: () => never };
  const files = new ContentFiles({
    folder,
    clock,
    database: sound(),
    access: { ...DISK, create: async () => hanging },
  });
  await files.open();
  const failed: unknown[] = [];
  for (let n = 1; n <= 10; n++)
    files.write(`C.${n}`, COPIED).catch((error: CodedError) => failed.push(error.code));
  await until('the first eight to be at it', () => clock.waiting === 8);
  await clock.advance(60_000);
  await until('all to be told', () => failed.length === 10);
  assert.deepEqual(new Set(failed), new Set(['STORE_FAILED']));
});
