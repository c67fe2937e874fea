/** A LevelDB store in a folder of its own, on a clock that stands still, with a seam for faults. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/base/clock.ts';
import type { CodedError } from '../../src/base/errors.ts';
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

export async function levelFixture(
  options: {
    clock?: Clock;
    before?: BeforeBatch;
    wrap?: (database: Database) => Database;
    minFreeBytes?: number;
  } = {},
): Promise<Fixture> {
  const { clock = new StillClock(), before = () => undefined, minFreeBytes = 0 } = options;
  const { wrap = (database) => database } = options;
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
