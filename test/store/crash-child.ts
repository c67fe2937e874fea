/**
 * A process for the crash tests: it works on one store after the other, each of which stands still for
 * good before or after another step on the disk (a batch, or a step on a content file), and then kills
 * itself with all of them open. What is acknowledged it writes to standard output, each line at once,
 * behind the number of that step. It also asserts that every batch of the spool asks to be synced, and
 * that a record is written only when the file it speaks of is synced, and its folder after it.
 */
import { writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import { openLevelStore } from '../../src/store/leveldb/store.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { crashSteps } from './crash-steps.ts';
import { observedFiles } from './level-fixture.ts';
import { stagedContent } from './sample-mail.ts';
import { StillClock } from './still-clock.ts';

const [folder = '', when = '', first = '1', last = '1'] = process.argv.slice(2);
const NEVER = new Promise<never>(() => undefined);

/** From its n-th step on nothing of it goes on. */
class Life {
  readonly stoodStill: Promise<'killed'>;
  readonly #nth: number;
  #begun = 0;
  #done = 0;
  #isStill = false;
  #stand: () => void = () => undefined;

  constructor(nth: number) {
    this.#nth = nth;
    this.stoodStill = new Promise((resolve) => {
      this.#stand = () => resolve('killed');
    });
  }

  before(): Promise<never> | undefined {
    this.#begun++;
    return this.#standsAt(when === 'before' && this.#begun === this.#nth);
  }

  after(): Promise<never> | undefined {
    this.#done++;
    return this.#standsAt(when === 'after' && this.#done === this.#nth);
  }

  say(line: string): void {
    writeSync(1, `${this.#nth} ${line}\n`);
  }

  #standsAt(isHere: boolean): Promise<never> | undefined {
    if (isHere) {
      this.#isStill = true;
      this.#stand();
    }
    return this.#isStill ? NEVER : undefined;
  }
}

async function work(place: string, life: Life): Promise<'done'> {
  /** Content files with what is not synced of them yet. */
  const unsynced = new Map<string, 'content' | 'name'>();
  const store = await openLevelStore({
    folder: place,
    minFreeBytes: 0,
    clock: new StillClock(),
    log: new RecordedLog(),
    onFailure: (error) => life.say(`failed ${error.message}`),
    access: observedFiles(
      () => life.before(),
      (step, path) => {
        const id = basename(path);
        if (step === 'create') unsynced.set(id, 'content');
        else if (step === 'datasync') unsynced.set(id, 'name');
        else if (step === 'syncFolder')
          for (const [name, what] of unsynced) if (what === 'name') unsynced.delete(name);
        return life.after();
      },
    ),
    async open(path) {
      const database = await openDatabase(path);
      return {
        ...database,
        async batch(ops, options) {
          if (!options.sync) life.say(`unsynced ${ops.map(({ key }) => key).join(' ')}`);
          for (const { key, type } of ops)
            if (type === 'put' && unsynced.has(key.slice('m!'.length)))
              life.say(`unsynced file ${key}`);
          await life.before();
          await database.batch(ops, options);
          await life.after();
        },
      };
    },
  });
  const watched = async <T>(step: () => Promise<T>): Promise<T> => {
    await life.before();
    const result = await step();
    await life.after();
    return result;
  };
  await crashSteps(
    store,
    (line) => life.say(line),
    async (id, bytes) => {
      const content = await stagedContent(place, bytes);
      const { file } = content;
      let isSynced = false;
      const sync = () => watched(() => file.sync().then(() => (isSynced = true)));
      const moveTo = (path: string) =>
        watched(() => {
          unsynced.set(id, isSynced ? 'name' : 'content');
          return file.moveTo(path);
        });
      return { ...content, file: { ...file, sync: async () => void (await sync()), moveTo } };
    },
  );
  await store.close();
  life.say('done');
  return 'done';
}

for (let nth = Number(first); nth <= Number(last); nth++) {
  const life = new Life(nth);
  life.say('began');
  const end = await Promise.race([life.stoodStill, work(join(folder, String(nth)), life)]);
  if (end === 'done') break;
}
process.kill(process.pid, 'SIGKILL');
