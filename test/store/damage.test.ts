/**
 * Bytes flipped and files cut or lost on disk: the store refuses to open and says that it is
 * damaged, or it opens and every message it gives out is one that was stored, byte for byte.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { openLevelStore } from '../../src/store/leveldb/store.ts';
import type { LevelStore } from '../../src/store/leveldb/store.ts';
import { recordKey } from '../../src/store/leveldb/keys.ts';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import { CodedError } from '../../src/base/errors.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { levelFixture } from './level-fixture.ts';
import { bytesOf, collect, contentOf, entry } from './sample-mail.ts';
import { StillClock } from './still-clock.ts';

const MESSAGES = 40;
const lengthOf = (n: number) => (n % 10 === 0 ? 150_000 : 500 + n);
const isDamage = (error: unknown) => error instanceof CodedError && error.code === 'STORE_DAMAGED';

/** A store in tables as well as in its log. */
async function storeFolder(): Promise<{ base: string; folder: string }> {
  const base = await mkdtemp(join(tmpdir(), 'sluice-damage-'));
  const fixture = await levelFixture();
  const fill = async (from: number, to: number) => {
    for (let n = from; n < to; n++)
      await fixture.store.spool.commit(entry(`A.${n}`), n, contentOf(bytesOf(lengthOf(n), n)));
  };
  await fill(0, MESSAGES / 2);
  await fixture.store.close();
  const database = await openDatabase(fixture.folder);
  await database.compact('a', 'z');
  await database.close();
  await fixture.reopen();
  await fill(MESSAGES / 2, MESSAGES);
  await fixture.store.close();
  const folder = join(base, 'spool');
  await cp(fixture.folder, folder, { recursive: true });
  await fixture.close();
  return { base, folder };
}

/** How many messages could be read; what could not was reported as damage. */
async function readable(folder: string): Promise<number | 'refused'> {
  let store: LevelStore;
  try {
    store = await openLevelStore({
      folder,
      minFreeBytes: 0,
      clock: new StillClock(),
      log: new RecordedLog(),
      onFailure: () => undefined,
    });
  } catch (error) {
    assert.ok(isDamage(error), String(error));
    return 'refused';
  }
  let good = 0;
  for (let n = 0; n < MESSAGES; n++) {
    try {
      const found = await store.spool.get(`A.${n}`);
      if (found === undefined) continue;
      assert.deepEqual(found.entry, entry(`A.${n}`));
      const content = await collect(store.spool.readContent(`A.${n}`));
      assert.ok(content.equals(bytesOf(lengthOf(n), n)), `A.${n} is not what was stored`);
      good++;
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
  }
  await store.spool.claim({ dest: 'example.com', n: 99, leaseMs: 1 }).catch((error: unknown) => {
    if (!isDamage(error)) throw error;
  });
  await store.close();
  return good;
}

test('damage on disk never becomes a message that was not stored', async (t) => {
  const { base, folder } = await storeFolder();
  t.after(() => rm(base, { recursive: true }));
  assert.equal(await readable(folder), MESSAGES, 'undamaged');
  const names = (await readdir(folder)).filter((name) =>
    /\.(ldb|log)$|MANIFEST|CURRENT/.test(name),
  );
  assert.ok(names.some((name) => name.endsWith('.ldb')));
  const results: (number | 'refused')[] = [];
  const damaged = async (damage: (copy: string) => Promise<void>) => {
    const copy = join(base, 'copy');
    await cp(folder, copy, { recursive: true });
    await damage(copy);
    results.push(await readable(copy));
    await rm(copy, { recursive: true });
  };
  for (const name of names) {
    for (let seed = 1; seed <= 8; seed++) {
      const random = seededRandom(seed);
      await damaged(async (copy) => {
        const bytes = await readFile(join(copy, name));
        const at = Math.floor(random() * bytes.length);
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << Math.floor(random() * 8)), at);
        await writeFile(join(copy, name), bytes);
      });
      await damaged(async (copy) => {
        const { length } = await readFile(join(copy, name));
        await truncate(join(copy, name), Math.floor(random() * length));
      });
    }
    await damaged((copy) => unlink(join(copy, name)));
  }
  assert.ok(results.includes('refused') && results.some((result) => Number(result) > 0));
});

test('a store without its CURRENT file is not begun anew over the old one', async (t) => {
  const { base, folder } = await storeFolder();
  t.after(() => rm(base, { recursive: true }));
  await unlink(join(folder, 'CURRENT'));
  const before = await readdir(folder);
  assert.equal(await readable(folder), 'refused');
  assert.deepEqual(await readdir(folder), before);
});

test('a record in a block that cannot be read keeps no other message back', async (t) => {
  const unreadable = recordKey('A.1');
  const damaged = () => Promise.reject(new CodedError('STORE_DAMAGED', 'corrupted block'));
  const fixture = await levelFixture({
    wrap: (database) => ({
      ...database,
      get: (key) => (key === unreadable ? damaged() : database.get(key)),
      getMany: (keys) => (keys.includes(unreadable) ? damaged() : database.getMany(keys)),
    }),
  });
  t.after(() => fixture.close());
  const { spool } = fixture.store;
  for (const id of ['A.0', 'A.1', 'A.2']) await spool.commit(entry(id), 1, contentOf(bytesOf(10)));
  const leases = await spool.claim({ dest: 'example.com', n: 9, leaseMs: 1000 });
  assert.deepEqual(
    leases.map(({ id }) => id),
    ['A.0', 'A.2'],
  );
  assert.deepEqual(spool.damaged(), ['A.1']);
});
