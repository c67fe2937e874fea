/**
 * The guard before the database. Reads have a deadline. After the first write that failed or hung
 * nothing is written any more: LevelDB itself stays in an error state then, and what of the write
 * reached the disk is unknown, so the only way on is a restart; `onFailure` is called once so that
 * somebody sees to it.
 */
import type { Clock } from '../../base/clock.ts';
import { DISK_DEADLINE_MS, withDeadline } from '../../base/deadline.ts';
import { CodedError, errorText } from '../../base/errors.ts';
import type { Database } from './database.ts';
import { ReadDeadline } from './read-deadline.ts';

/** A write that took this long is told to `onSlow`. */
const SLOW_WRITE_MS = 2_000;

export interface GuardOptions {
  readonly clock: Clock;
  readonly onFailure: (error: CodedError) => void;
  readonly onSlow?: (ms: number) => void;
  /** Called once for each time that reads hang: what is asked meanwhile is not begun. */
  readonly onSilence?: (error: CodedError) => void;
  /** Hears how long each write took that did not fail. */
  readonly onWrite?: (ms: number) => void;
}

export interface GuardedDatabase extends Database {
  /** Why nothing is taken any more; undefined while all is well. */
  failure(): CodedError | undefined;
  /** A write beside the database, on the same disk, failed: as if one of its own had. */
  condemn(error: unknown): CodedError;
  /** A read beside the database, on the same disk, in the time that one of its own has. */
  inTime<T>(read: () => Promise<T>): Promise<T>;
}

export function guard(database: Database, options: GuardOptions): GuardedDatabase {
  const { clock, onFailure, onSlow, onWrite } = options;
  const reads = new ReadDeadline(clock, (error) => options.onSilence?.(error));
  let failure: CodedError | undefined;
  const condemn = (error: unknown): CodedError => {
    if (failure !== undefined) return failure;
    failure = new CodedError('STORE_FAILED', `a write to the store failed: ${errorText(error)}`, {
      cause: error,
    });
    onFailure(failure);
    return failure;
  };
  return {
    async batch(ops, batchOptions) {
      if (failure !== undefined) throw failure;
      const startedAt = clock.mono();
      try {
        await withDeadline(clock, DISK_DEADLINE_MS, 'store', () =>
          database.batch(ops, batchOptions),
        );
      } catch (error) {
        throw condemn(error);
      }
      const tookMs = clock.mono() - startedAt;
      onWrite?.(tookMs);
      if (tookMs >= SLOW_WRITE_MS) onSlow?.(tookMs);
    },
    get: (key) => reads.run(() => database.get(key)),
    getMany: (keys) => reads.run(() => database.getMany(keys)),
    has: (key) => reads.run(() => database.has(key)),
    keys: (range) => reads.each(database.keys(range)),
    entries: (range) => reads.each(database.entries(range)),
    firstKeys: (range, skipTo) => reads.each(database.firstKeys(range, skipTo)),
    compact: (start, end) => database.compact(start, end),
    close: () => database.close(),
    failure: () => failure,
    condemn,
    inTime: (read) => reads.run(read),
  };
}
