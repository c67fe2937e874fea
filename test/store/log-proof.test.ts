/** The write-ahead log is looked at before LevelDB passes over what it cannot read of it. */
import assert from 'node:assert/strict';
import {
  cpSync,
  readdirSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { crc32c } from '../../src/store/leveldb/crc32c.ts';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import { proveLogs } from '../../src/store/leveldb/log-proof.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Some small batches, and large ones that go over the blocks of the log. */
const SIZES = [300, 20, 40_000, 700, 32_768, 5, 90_000, 1000];

async function written(t: TestContext) {
  const folder = join(tempFolder(t), 'store');
  const database = await openDatabase(folder);
  for (const [n, size] of SIZES.entries()) {
    const value = Buffer.alloc(size, `value ${n} `);
    await database.batch([{ type: 'put', key: `k${n}`, value }], { sync: true });
  }
  await database.close();
  const [name] = readdirSync(folder).filter((one) => one.endsWith('.log'));
  assert.ok(name !== undefined);
  const file = join(folder, name);
  return { folder, file, bytes: readFileSync(file) };
}

const proof = (folder: string) =>
  proveLogs(folder).then(
    () => 'sound',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

test('the checksum is the one of RFC 3720', () => {
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
});

test('sound as it is, and wherever a crash may have ended it', async (t) => {
  const { folder, file, bytes } = await written(t);
  assert.equal(await proof(folder), 'sound');
  const random = seededRandom(20261127);
  for (let length = bytes.length; length >= 0; length -= 1 + Math.floor(random() * 900)) {
    truncateSync(file, length);
    assert.equal(await proof(folder), 'sound', `cut at ${length}`);
  }
  // The file was made longer, and what belongs there was not written any more.
  writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(100_000)]));
  assert.equal(await proof(folder), 'sound', 'zeros behind the end');
});

test('a last write of which a part did not reach the disk is none', async (t) => {
  const { folder, file, bytes } = await written(t);
  const first = bytes.indexOf('value 6 ');
  const end = bytes.lastIndexOf('value 6 ');
  for (let page = Math.ceil(first / 4096) * 4096; page + 4096 < end; page += 4096) {
    const torn = Buffer.from(bytes.subarray(0, end + 8));
    torn.fill(0, page, page + 4096);
    writeFileSync(file, torn);
    assert.equal(await proof(folder), 'sound', `without the page at ${page}`);
    writeFileSync(file, Buffer.concat([torn, bytes.subarray(end + 8)]));
    assert.match(await proof(folder), /is damaged/, `with another write behind it, ${page}`);
  }
});

test('a byte that has changed, wherever something sound lies behind it, is damage', async (t) => {
  const { folder, file, bytes } = await written(t);
  const random = seededRandom(20261128);
  // The last record could as well be one that was being written.
  const end = bytes.lastIndexOf('value 6 ');
  for (let at = 0; at < end; at += 1 + Math.floor(random() * 500)) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    writeFileSync(file, changed);
    // Between the last record of a block and the next block nothing is kept.
    const place = at % 32_768;
    const said = await proof(folder);
    if (said === 'sound') assert.ok(place > 32_768 - 7, `a bit at ${at}`);
    else assert.match(said, /its log \d+\.log is damaged at byte \d+, with more behind it$/);
  }
});

test('a log that is gone is damage, a folder without a database is none', async (t) => {
  const { folder, file } = await written(t);
  const before = join(tempFolder(t), 'copy');
  cpSync(folder, before, { recursive: true });
  unlinkSync(file);
  assert.match(await proof(folder), /its log is missing/);
  assert.equal(await proof(join(folder, 'nowhere')), 'sound');
  assert.equal(await proof(before), 'sound');
});
