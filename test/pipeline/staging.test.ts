/** Staging: what was written comes back byte for byte, from memory or file, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { crc32 } from 'node:zlib';
import { systemClock } from '../../src/base/clock.ts';
import type { Content } from '../../src/mail/content.ts';
import type { Staging } from '../../src/pipeline/staging.ts';
import { StagingArea } from '../../src/pipeline/staging.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MIB = 1024 * 1024;
/** There is always room. */
const ROOMY = async () => undefined;

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-staging-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function digest(content: Content): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of content.read()) hash.update(chunk);
  return hash.digest('hex');
}

for (const [name, size, chunk] of [
  ['nothing', 0, 1],
  ['a small message', 10_000, 700],
  ['a message at the bound of memory', MIB, 65_536],
  ['a message beyond it', 5 * MIB + 13, 65_536],
  ['a large message in small pieces', 2 * MIB, 1009],
  ['a message byte by byte', 100_000, 1],
  ['a message in uneven pieces', 300_000, 3001],
] as const) {
  test(`${name} comes back byte for byte, twice and side by side`, () =>
    inFolder(async (folder) => {
      const staging = (await StagingArea.open(folder, ROOMY, systemClock)).begin('X.1');
      const bytes = Buffer.alloc(size);
      for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8)) & 255;
      for (let at = 0; at < size; at += chunk) await staging.write(bytes.subarray(at, at + chunk));
      const content = await staging.finish();
      const expected = createHash('sha256').update(bytes).digest('hex');
      assert.equal(content.sizeBytes, size);
      assert.deepEqual(await Promise.all([digest(content), digest(content)]), [expected, expected]);
      await staging.discard();
      assert.deepEqual(await readdir(folder), [], 'no file is left');
    }));
}

test('a message byte by byte is not kept as an object for each byte', () =>
  inFolder(async (folder) => {
    const staging = (await StagingArea.open(folder, ROOMY, systemClock)).begin('X.1');
    for (let i = 0; i < 200_000; i++) await staging.write(Buffer.from([i & 127]));
    const { chunks = [] } = await staging.finish();
    assert.ok(chunks.length < 100, `${chunks.length} chunks`);
    await staging.discard();
  }));

test('many small messages go through files once memory is used up, and memory comes back', () =>
  inFolder(async (folder) => {
    const area = await StagingArea.open(folder, ROOMY, systemClock);
    const piece = () => Buffer.alloc(MIB, 'x');
    const stagings: { staging: Staging; content: Content }[] = [];
    for (let i = 0; i < 80; i++) {
      const staging = area.begin(`X.${i}`);
      await staging.write(piece());
      stagings.push({ staging, content: await staging.finish() });
    }
    const inMemory = () => stagings.filter(({ content }) => content.chunks !== undefined).length;
    assert.equal(inMemory(), 64);
    await Promise.all(stagings.map(({ staging }) => staging.discard()));
    const again = area.begin('Y.1');
    await again.write(piece());
    assert.notEqual((await again.finish()).chunks, undefined);
    await again.discard();
  }));

test('memory of what has gone to the file is given back at once, but none that others use', () =>
  inFolder(async (folder) => {
    const staging = (await StagingArea.open(folder, ROOMY, systemClock)).begin('X.1');
    const shared = Buffer.alloc(2 * MIB, 'a');
    await staging.write(shared.subarray(0, MIB + 1));
    const own = Buffer.alloc(MIB, 'b');
    await staging.write(own);
    const content = await staging.finish();
    assert.equal(own.length, 0);
    assert.equal(shared.length, 2 * MIB);
    const expected = createHash('sha256')
      .update('a'.repeat(MIB + 1))
      .update('b'.repeat(MIB));
    assert.equal(await digest(content), expected.digest('hex'));
    await staging.discard();
  }));

test('a folder that cannot be written to rejects instead of losing bytes', (t) =>
  inFolder(async (folder) => {
    const staging = (await StagingArea.open(folder, ROOMY, systemClock)).begin('X.1');
    if (process.getuid?.() === 0) {
      await rm(folder, { recursive: true });
    } else {
      await chmod(folder, 0o500);
      t.after(() => chmod(folder, 0o700));
    }
    await assert.rejects(async () => {
      await staging.write(Buffer.alloc(2 * MIB));
      await staging.finish();
    });
    await staging.discard();
  }));

/** Content of 2 MiB, which lies in a file. */
async function inFile(folder: string): Promise<{ staging: Staging; content: Content }> {
  const staging = (await StagingArea.open(join(folder, 'staging'), ROOMY, systemClock)).begin(
    'X.1',
  );
  for (let i = 0; i < 32; i++) await staging.write(Buffer.alloc(65_536, i));
  return { staging, content: await staging.finish() };
}

test('whoever keeps a message takes its file over, once, and it is read on', () =>
  inFolder(async (folder) => {
    const { staging, content } = await inFile(folder);
    const { file } = content;
    assert.ok(file);
    const before = await digest(content);
    const kept = join(folder, 'kept');
    await file.sync();
    assert.equal(await file.moveTo(kept), true);
    assert.equal(await file.moveTo(join(folder, 'again')), false);
    assert.equal(await digest(content), before);
    await staging.discard();
    const bytes = await readFile(kept);
    assert.deepEqual([bytes.length, crc32(bytes)], [file.sizeBytes, file.crc32]);
    assert.deepEqual((await readdir(folder)).sort(), ['kept', 'staging']);
  }));

test('a file that somebody else removed cannot be taken over, and is read on', () =>
  inFolder(async (folder) => {
    const { staging, content } = await inFile(folder);
    await rm(join(folder, 'staging'), { recursive: true });
    assert.equal(await content.file?.moveTo(join(folder, 'kept')), false);
    assert.equal((await digest(content)).length, 64);
    await staging.discard();
  }));

test('a disk that stands still is told at the deadline, and what it writes after all goes', () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    const disk = Promise.withResolvers<void>();
    const staging = (await StagingArea.open(folder, () => disk.promise, clock)).begin('X.1');
    const told = assert.rejects(async () => staging.write(Buffer.alloc(2 * MIB)), {
      code: 'DEADLINE',
    });
    await clock.advance(60_000);
    await told;
    await assert.rejects(async () => staging.write(Buffer.alloc(1)), { code: 'DEADLINE' });
    const discarded = staging.discard();
    disk.resolve();
    await discarded;
    assert.deepEqual(await readdir(folder), []);
    assert.equal(clock.waiting, 0);
  }));

test('what a crash left is gone when the area is opened', () =>
  inFolder(async (folder) => {
    const { staging } = await inFile(folder);
    const left = join(folder, 'staging');
    assert.equal((await readdir(left)).length, 1);
    await StagingArea.open(left, ROOMY, systemClock);
    assert.deepEqual(await readdir(left), []);
    await staging.discard();
  }));
