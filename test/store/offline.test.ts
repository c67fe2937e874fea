/**
 * A damaged store offline: what can be saved is told without touching it, repair saves it and keeps
 * the store as it was, and afterwards every message that is there is whole or held.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { checkStore, readStore, repairStore } from '../../src/gateway/offline-store.ts';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import type { WriteOp } from '../../src/store/leveldb/database.ts';
import { dueKey, heldKey, partKey, recordKey, tallyKey } from '../../src/store/leveldb/keys.ts';
import { openLevelStore } from '../../src/store/leveldb/store.ts';
import type { LevelStore } from '../../src/store/leveldb/store.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { bytesOf, collect, contentOf, entry, held } from './sample-mail.ts';
import { StillClock } from './still-clock.ts';

const MESSAGES = 12;
const LARGE = 'A.11';
const lengthOf = (n: number) => (`A.${n}` === LARGE ? 400_000 : 3000 + n);

function open(data: string): Promise<LevelStore> {
  return openLevelStore({
    folder: join(data, 'store'),
    minFreeBytes: 0,
    clock: new StillClock(),
    log: new RecordedLog(),
    onFailure: (error) => assert.fail(error),
  });
}

/** A data folder whose store has tables and a log, with messages that wait and one that is held. */
async function dataFolder(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const data = await mkdtemp(join(tmpdir(), 'sluice-offline-'));
  t.after(() => rm(data, { recursive: true, force: true }));
  const fill = async (from: number, to: number) => {
    const store = await open(data);
    for (let n = from; n < to; n++) {
      const id = `A.${n}`;
      const one = { sizeBytes: lengthOf(n) };
      const made = n === 2 ? held(id, one) : entry(id, one);
      await store.spool.commit(made, n, contentOf(bytesOf(lengthOf(n), n)));
    }
    await store.close();
  };
  await fill(0, 6);
  const database = await openDatabase(join(data, 'store'));
  await database.compact('a', 'z');
  await database.close();
  await fill(6, MESSAGES);
  return data;
}

async function change(data: string, ops: readonly WriteOp[]): Promise<void> {
  const database = await openDatabase(join(data, 'store'));
  await database.batch(ops, { sync: true });
  await database.close();
}

async function findings(data: string) {
  const found: string[] = [];
  const { messages, damage } = await checkStore(data, systemClock, async (row) => {
    found.push(`${String(row['what'])} ${String(row['about'])}`);
  });
  return { messages, damage, found: found.toSorted() };
}

const repaired = async (data: string) => repairStore(data, systemClock, async () => undefined);

test('a sound store: nothing is found, nothing is changed by a repair but its copy', async (t) => {
  const data = await dataFolder(t);
  assert.deepEqual(await findings(data), { messages: MESSAGES, damage: undefined, found: [] });
  const { messages, wasRebuilt } = await repaired(data);
  assert.deepEqual([messages, wasRebuilt], [MESSAGES, false]);
  const store = await open(data);
  assert.deepEqual([store.spool.totals().queued, store.spool.totals().held], [MESSAGES - 1, 1]);
  await store.close();
});

test('what does not fit together is found and mended', async (t) => {
  const data = await dataFolder(t);
  const stray = dueKey('example.com', { dueAt: 5, id: 'GONE.1' });
  await change(data, [
    { type: 'put', key: recordKey('A.1'), value: Buffer.from('00000000 {}') },
    { type: 'del', key: heldKey('A.2') },
    { type: 'del', key: dueKey('example.com', { dueAt: 3, id: 'A.3' }) },
    { type: 'put', key: partKey('A.4', 0), value: Buffer.from('something else') },
    { type: 'put', key: stray, value: Buffer.from('7') },
    { type: 'put', key: partKey('GONE.2', 0), value: Buffer.from('x') },
    { type: 'put', key: tallyKey('example.com'), value: Buffer.from('x') },
  ]);
  await truncate(join(data, 'store', 'content', LARGE), 1000);
  await writeFile(join(data, 'store', 'content', 'GONE.3'), 'x');
  const expected = [
    'damaged-content A.11',
    'damaged-content A.4',
    'damaged-record A.1',
    'lost-place A.2',
    'lost-place A.3',
    'stray-file GONE.3',
    `stray-part ${partKey('GONE.2', 0)}`,
    `stray-place ${stray}`,
    'wrong-tally example.com',
  ];
  assert.deepEqual(await findings(data), { messages: 7, damage: undefined, found: expected });
  assert.deepEqual((await findings(data)).found, expected, 'a look changes nothing');
  const { wasRebuilt, before } = await repaired(data);
  assert.equal(wasRebuilt, false);
  const again = await findings(data);
  assert.deepEqual(
    again.found.filter((one) => !one.startsWith('wrong-tally')),
    ['damaged-content A.11', 'damaged-content A.4', 'damaged-record A.1'],
  );
  const store = await open(data);
  const { spool } = store;
  assert.deepEqual([spool.totals().queued, spool.totals().held], [9, 3]);
  for (const id of ['A.4', LARGE])
    assert.equal((await spool.get(id))?.entry.hold?.reason, 'damaged');
  assert.equal((await spool.get('A.2'))?.dueAt, undefined);
  const leases = await spool.claim({ dest: 'example.com', n: 99, leaseMs: 1, early: true });
  assert.deepEqual(leases.map(({ id }) => id).toSorted(), [
    'A.0',
    'A.10',
    'A.3',
    'A.5',
    'A.6',
    'A.7',
    'A.8',
    'A.9',
  ]);
  await store.close();
  assert.ok((await readdir(before)).includes('CURRENT'), 'the store as it was');
});

/** `opens`: LevelDB opens it, takes its log over, and fails at the damage later. */
const BROKEN: readonly [string, (store: string) => Promise<void>, 'opens'?][] = [
  ['CURRENT is missing', (store) => unlink(join(store, 'CURRENT'))],
  ['CURRENT names nothing', (store) => writeFile(join(store, 'CURRENT'), 'MANIFEST-999999\n')],
  [
    'the MANIFEST is missing',
    async (store) => unlink(join(store, await named(store, /^MANIFEST/))),
  ],
  [
    'the MANIFEST is cut',
    async (store) => truncate(join(store, await named(store, /^MANIFEST/)), 9),
  ],
  ['a table is missing', async (store) => unlink(join(store, await named(store, /\.ldb$/)))],
  [
    'a table is cut',
    async (store) => truncate(join(store, await named(store, /\.ldb$/)), 5000),
    'opens',
  ],
];

async function named(store: string, pattern: RegExp): Promise<string> {
  const name = (await readdir(store)).find((one) => pattern.test(one));
  assert.ok(name, String(pattern));
  return name;
}

for (const [what, damage, opens] of BROKEN) {
  test(`${what}: told, exported from a copy, repaired, and kept as it was`, async (t) => {
    const data = await dataFolder(t);
    const folder = join(data, 'store');
    await damage(folder);
    const names = (await readdir(folder)).filter((name) => !name.startsWith('LO'));
    await assert.rejects(open(data), { code: 'STORE_DAMAGED' });
    const { messages, damage: told } = await findings(data);
    assert.ok(told, 'the damage is told');
    assert.ok(messages >= 5, `${messages} can be saved`);
    let whole = 0;
    await readStore(data, systemClock, async ({ id, content }) => {
      const n = Number(id.slice(2));
      const bytes = await collect(content()).catch(() => undefined);
      if (bytes?.equals(bytesOf(lengthOf(n), n))) whole++;
    });
    assert.ok(whole >= messages, `${whole} were exported whole`);
    const after = (await readdir(folder)).filter((name) => !name.startsWith('LO'));
    if (opens === undefined) assert.deepEqual(after, names, 'the store was not touched');
    assert.deepEqual(
      (await readdir(data)).filter((name) => name.includes('salvage')),
      [],
    );
    const report = await repaired(data);
    assert.equal(report.wasRebuilt, true);
    assert.ok((await readdir(report.before)).length >= names.length);
    const store = await open(data);
    for (const { entry: one } of await store.spool.scan({ limit: 99 })) {
      const n = Number(one.id.slice(2));
      const bytes = await collect(store.spool.readContent(one.id)).catch(() => undefined);
      if (one.hold?.reason !== 'damaged') assert.ok(bytes?.equals(bytesOf(lengthOf(n), n)));
    }
    await store.close();
  });
}

test('flipped bytes in logs and tables: what a repair leaves is whole, or held', async (t) => {
  const data = await dataFolder(t);
  const folder = join(data, 'store');
  const files = (await readdir(folder)).filter((name) => /\.(ldb|log)$/.test(name));
  for (const name of files) {
    for (const part of [0.1, 0.5, 0.9]) {
      const copy = await mkdtemp(join(tmpdir(), 'sluice-flip-'));
      try {
        await cp(folder, join(copy, 'store'), { recursive: true });
        const bytes = await readFile(join(copy, 'store', name));
        if (bytes.length === 0) continue;
        const at = Math.floor(bytes.length * part);
        bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
        await writeFile(join(copy, 'store', name), bytes);
        await repaired(copy);
        const store = await open(copy);
        const all = await store.spool.scan({ limit: 99 });
        assert.ok(all.length >= 5, `${name} at ${part}: ${all.length} messages`);
        for (const { entry: one } of all) {
          if (one.hold?.reason === 'damaged') continue;
          const n = Number(one.id.slice(2));
          const content = await collect(store.spool.readContent(one.id));
          assert.ok(content.equals(bytesOf(lengthOf(n), n)), `${name} at ${part}: ${one.id}`);
        }
        await store.close();
      } finally {
        await rm(copy, { recursive: true, force: true });
      }
    }
  }
});

test('a store in use is refused, one that is not there too', async (t) => {
  const data = await dataFolder(t);
  const store = await open(data);
  await assert.rejects(findings(data), { code: 'STORE_LOCKED' });
  await assert.rejects(repaired(data), { code: 'STORE_LOCKED' });
  await store.close();
  await assert.rejects(findings(join(data, 'nowhere')), { code: 'STORE_FAILED' });
});

test('a damaged record is listed, withheld from claims, and can be removed', async (t) => {
  const data = await dataFolder(t);
  await change(data, [
    { type: 'put', key: recordKey('A.1'), value: Buffer.from('00000000 {}') },
    { type: 'put', key: recordKey('A.2'), value: Buffer.from('00000000 {}') },
  ]);
  let store = await open(data);
  const claim = () => store.spool.claim({ dest: 'example.com', n: 99, leaseMs: 1, early: true });
  assert.equal((await claim()).length, MESSAGES - 2);
  assert.deepEqual(store.spool.damaged(), ['A.1']);
  assert.equal((await store.spool.scan({ limit: 99 })).length, MESSAGES - 2);
  assert.deepEqual(store.spool.damaged(), ['A.1', 'A.2']);
  await assert.rejects(store.spool.get('A.1'), { code: 'STORE_DAMAGED' });
  assert.equal(await store.spool.administer('A.1', { kind: 'due', release: true }), false);
  for (const id of ['A.1', 'A.2'])
    assert.equal(await store.spool.administer(id, { kind: 'remove' }), true);
  assert.deepEqual(store.spool.damaged(), []);
  assert.equal(await store.spool.get('A.1'), undefined);
  await store.close();
  assert.deepEqual(
    (await findings(data)).found,
    ['wrong-tally example.com'],
    'until the next start',
  );
  store = await open(data);
  assert.deepEqual([store.spool.totals().queued, store.spool.totals().held], [MESSAGES - 2, 0]);
  await store.close();
  assert.deepEqual((await findings(data)).found, []);
});
