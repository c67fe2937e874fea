/**
 * The guard before the database: after the first write that failed or hung nothing is written any
 * more. LevelDB itself stays in an error state then, and what of the write reached the disk is
 * unknown, so the only way on is a restart; `onFailure` is called once so that somebody sees to it.
 */
import type { Clock } from '../../base/clock.ts';
import { DISK_DEADLINE_MS, withDeadline } from '../../base/deadline.ts';
import { CodedError, errorText } from '../../base/errors.ts';
import type { Database } from './database.ts';

/** A write that took this long is told to `onSlow`. */
const SLOW_WRITE_MS = 2_000;

export interface GuardOptions {
  readonly clock: Clock;
  readonly onFailure: (error: CodedError) => void;
  readonly onSlow?: (ms: number) => void;
  /** Hears how long each write took that did not fail. */
  readonly onWrite?: (ms: number) => void;
}

export interface GuardedDatabase extends Database {
  /** Why nothing is taken any more; undefined while all is well. */
  failure(): CodedError | undefined;
  /** A write beside the database, on the same disk, failed: as if one of its own had. */
  condemn(error: unknown): CodedError;
}

export function guard(database: Database, options: GuardOptions): GuardedDatabase {
  const { clock, onFailure, onSlow, onWrite } = options;
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
    get: (key) => database.get(key),
    getMany: (keys) => database.getMany(keys),
    has: (key) => database.has(key),
    keys: (range) => database.keys(range),
    entries: (range) => database.entries(range),
    firstKeys: (range, skipTo) => database.firstKeys(range, skipTo),
    compact: (start, end) => database.compact(start, end),
    close: () => database.close(),
    failure: () => failure,
    condemn,
  };
}
