/**
 * A process for the crash tests: it works on a store and kills itself before or after its n-th step
 * on the disk: a batch, or a step on a content file. What it acknowledges it writes to standard
 * output, each line at once. It also asserts that every batch of the spool asks to be synced, and
 * that a record is written only when the file it speaks of is synced, and its folder after it.
 */
import { writeSync } from 'node:fs';
import { basename } from 'node:path';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import { openLevelStore } from '../../src/store/leveldb/store.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { crashSteps } from './crash-steps.ts';
import { observedFiles } from './level-fixture.ts';
import { stagedContent } from './sample-mail.ts';
import { StillClock } from './still-clock.ts';

const [folder = '', when = '', nth = '0'] = process.argv.slice(2);
let begun = 0;
let done = 0;
/** Content files with what is not synced of them yet. */
const unsynced = new Map<string, 'content' | 'name'>();

const store = await openLevelStore({
  folder,
  minFreeBytes: 0,
  clock: new StillClock(),
  log: new RecordedLog(),
  onFailure: (error) => say(`failed ${error.message}`),
  access: observedFiles(before, (step, path) => {
    const id = basename(path);
    if (step === 'create') unsynced.set(id, 'content');
    else if (step === 'datasync') unsynced.set(id, 'name');
    else if (step === 'syncFolder')
      for (const [name, what] of unsynced) if (what === 'name') unsynced.delete(name);
    after();
  }),
  async open(place) {
    const database = await openDatabase(place);
    return {
      ...database,
      async batch(ops, options) {
        if (!options.sync) say(`unsynced ${ops.map(({ key }) => key).join(' ')}`);
        for (const { key, type } of ops)
          if (type === 'put' && unsynced.has(key.slice('m!'.length))) say(`unsynced file ${key}`);
        before();
        await database.batch(ops, options);
        after();
      },
    };
  },
});
await crashSteps(store, say, async (id, bytes) => {
  const content = await stagedContent(folder, bytes);
  const { file } = content;
  let isSynced = false;
  const sync = () => watched(() => file.sync().then(() => (isSynced = true)));
  const moveTo = (path: string) =>
    watched(() => {
      unsynced.set(id, isSynced ? 'name' : 'content');
      return file.moveTo(path);
    });
  return { ...content, file: { ...file, sync: async () => void (await sync()), moveTo } };
});
await store.close();
say('done');

async function watched<T>(work: () => Promise<T>): Promise<T> {
  before();
  const result = await work();
  after();
  return result;
}

function before(): void {
  begun++;
  if (when === 'before' && begun === Number(nth)) process.kill(process.pid, 'SIGKILL');
}

function after(): void {
  done++;
  if (when === 'after' && done === Number(nth)) process.kill(process.pid, 'SIGKILL');
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}
