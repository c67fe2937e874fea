/** A LevelDB store in a folder of its own, on a clock that stands still, with a seam for faults. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/base/clock.ts';
import type { CodedError } from '../../src/base/errors.ts';
import type { KeyBounds } from '../../src/store/counter-store.ts';
import { DISK } from '../../src/store/leveldb/content-files.ts';
import type { FileAccess } from '../../src/store/leveldb/content-files.ts';
import { openDatabase } from '../../src/store/leveldb/database.ts';
import type { Database, WriteOp } from '../../src/store/leveldb/database.ts';
import { openLevelStore } from '../../src/store/leveldb/store.ts';
import type { LevelStore } from '../../src/store/leveldb/store.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { StillClock } from './still-clock.ts';

export interface Fixture {
  readonly folder: string;
  readonly log: RecordedLog;
  readonly failures: CodedError[];
  store: LevelStore;
  /** Closes and opens again, as a restart does. */
  reopen(): Promise<LevelStore>;
  close(): Promise<void>;
}

export type BeforeBatch = (ops: readonly WriteOp[], sync: boolean) => Promise<void> | void;

/** The database with `before` called ahead of each batch; what it throws is the batch's failure. */
export async function observed(folder: string, before: BeforeBatch): Promise<Database> {
  const database = await openDatabase(folder);
  return {
    ...database,
    async batch(ops, options) {
      await before(ops, options.sync);
      await database.batch(ops, options);
    },
  };
}

/** The files with `before` called ahead of each step; what it throws is the step's failure. */
export function observedFiles(
  before: (step: string, path: string) => Promise<void> | void,
  after: (step: string, path: string) => Promise<void> | void = () => undefined,
): FileAccess {
  const watched = async <T>(step: string, path: string, work: () => Promise<T>): Promise<T> => {
    await before(step, path);
    const result = await work();
    await after(step, path);
    return result;
  };
  return {
    prepare: (path) => DISK.prepare(path),
    async create(path) {
      const file = await watched('create', path, () => DISK.create(path));
      return {
        writev: (chunks) => watched('write', path, () => file.writev(chunks)),
        datasync: () => watched('datasync', path, () => file.datasync()),
        close: () => file.close(),
      };
    },
    async openFolder(path) {
      const folder = await DISK.openFolder(path);
      return {
        sync: () => watched('syncFolder', path, () => folder.sync()),
        close: () => folder.close(),
      };
    },
  };
}

export async function levelFixture(
  options: {
    clock?: Clock;
    before?: BeforeBatch;
    wrap?: (database: Database) => Database;
    minFreeBytes?: number;
    access?: FileAccess;
    keyBounds?: KeyBounds | undefined;
  } = {},
): Promise<Fixture> {
  const { clock = new StillClock(), before = () => undefined, minFreeBytes = 0 } = options;
  const { wrap = (database) => database, access = DISK } = options;
  const folder = await mkdtemp(join(tmpdir(), 'sluice-store-'));
  const log = new RecordedLog();
  const failures: CodedError[] = [];
  const open = () =>
    openLevelStore({
      folder: join(folder, 'spool'),
      minFreeBytes,
      clock,
      log,
      onFailure: (error) => failures.push(error),
      access,
      keyBounds: options.keyBounds,
      open: async (place) => wrap(await observed(place, before)),
    });
  const fixture: Fixture = {
    folder: join(folder, 'spool'),
    log,
    failures,
    store: await open(),
    async reopen() {
      await fixture.store.close();
      fixture.store = await open();
      return fixture.store;
    },
    async close() {
      await fixture.store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return fixture;
}
