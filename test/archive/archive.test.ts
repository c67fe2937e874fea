/** Days that are over go as a whole, the index before the files. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { ArchiveFiles } from '../../src/archive/archive-files.ts';
import { Archive } from '../../src/archive/archive.ts';
import type { Archived } from '../../src/mail/archived-mail.ts';
import { dayOf } from '../../src/base/days.ts';
import { createIds, messageId } from '../../src/base/ids.ts';
import type { Content } from '../../src/mail/content.ts';
import { memoryContent } from '../../src/mail/content.ts';
import { openLevelRecords } from '../../src/store/leveldb/record-store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const DAY_MS = 86_400_000;

function message(id: string, clock: FakeClock): [mail: Archived, content: Content] {
  const content = memoryContent([Buffer.from('x\r\n')]);
  const mail: Archived = {
    v: 1,
    id,
    at: clock.now(),
    account: 'a@b.test',
    domain: 'b.test',
    from: 'a@b.test',
    rcpts: ['c@d.test'],
    parameters: {},
    client: '192.0.2.1',
    size: content.sizeBytes,
  };
  return [mail, content];
}

test('days older than they are kept for go, with all that is known of them', async (t) => {
  const folder = tempFolder(t);
  const clock = new FakeClock();
  const log = new RecordedLog();
  const ids = createIds(clock);
  const index = await openLevelRecords({
    folder: join(folder, 'index'),
    clock,
    onDamage: () => assert.fail(),
  });
  const archive = new Archive({
    files: new ArchiveFiles(join(folder, 'mail')),
    openIndex: async () => index,
    keepMs: () => 3 * DAY_MS,
    admit: async () => undefined,
    ...{ clock, log },
  });
  const keep = async () => {
    const id = messageId(ids.session(), 1);
    const kept = await archive.keep(...message(id, clock));
    assert.ok(kept !== 'failed');
    await kept.taken();
    return id;
  };
  const all = async () => {
    const found: string[] = [];
    for await (const { id } of archive.search({ account: 'A@b.test' })) found.push(id);
    return found;
  };
  const old = await keep();
  await clock.advance(2 * DAY_MS);
  const young = await keep();
  archive.start();
  await clock.advance(3_600_000);
  assert.deepEqual(await all(), [young, old]);
  await clock.advance(2 * DAY_MS);
  await until('the old day is gone', () => !existsSync(join(folder, 'mail', dayOf(old))));
  assert.deepEqual(await all(), [young]);
  assert.equal(await archive.find(old), undefined);
  await archive.stop();
});

test('what is not taken goes, its envelope too that a full disk kept from its name', async (t) => {
  const folder = tempFolder(t);
  const id = messageId(createIds(new FakeClock()).session(), 1);
  const day = join(folder, dayOf(id));
  mkdirSync(day);
  for (const name of [`${id}.eml`, `${id}.json.new`]) writeFileSync(join(day, name), '');
  await new ArchiveFiles(folder).remove(id);
  assert.deepEqual(readdirSync(day), []);
});

test('a disk that is full is told once, and then once a minute with the number', async (t) => {
  const clock = new FakeClock();
  const log = new RecordedLog();
  const ids = createIds(clock);
  const archive = new Archive({
    files: new ArchiveFiles(tempFolder(t)),
    openIndex: () => Promise.reject(new Error('nobody needs it')),
    keepMs: () => DAY_MS,
    admit: () => Promise.reject(new Error('no room')),
    ...{ clock, log },
  });
  const refused = async (times: number) => {
    for (let n = 0; n < times; n++)
      assert.equal(await archive.keep(...message(messageId(ids.session(), 1), clock)), 'failed');
  };
  const told = () => log.of('archive.error').map(({ err, count }) => [err, count]);
  await refused(20);
  assert.deepEqual(told(), [['no room', 1]]);
  await clock.advance(60_000);
  assert.deepEqual(told().slice(1), [['no room', 19]], 'also when no more come');
  await refused(5);
  await archive.stop();
  assert.deepEqual(told().slice(2), [['no room', 5]]);
});

test('a disk that stands still keeps nobody waiting, and what it writes after all goes', async (t) => {
  const clock = new FakeClock();
  const log = new RecordedLog();
  const folder = tempFolder(t);
  const archive = new Archive({
    files: new ArchiveFiles(folder),
    openIndex: () => Promise.reject(new Error('nobody needs it')),
    keepMs: () => DAY_MS,
    admit: async () => undefined,
    ...{ clock, log },
  });
  const [mail, content] = message(messageId(createIds(clock).session(), 1), clock);
  const disk = Promise.withResolvers<void>();
  const slow: Content = {
    ...content,
    async *read() {
      await disk.promise;
      yield* content.read();
    },
  };
  const keeping = archive.keep(mail, slow);
  const envelope = join(folder, dayOf(mail.id), `${mail.id}.eml`);
  await until('it is being written', () => existsSync(envelope));
  await clock.advance(60_000);
  assert.equal(await keeping, 'failed');
  assert.match(String(log.of('archive.error')[0]?.['err']), /no answer within 60000 ms/);
  disk.resolve();
  await until('it is gone', () => !existsSync(envelope));
  assert.deepEqual(readdirSync(join(folder, dayOf(mail.id))), []);
  await archive.stop();
});
