/**
 * The low-water mark of the disk: mail is refused for a time (STORE_FULL) long before the store
 * itself would suffer, for LevelDB needs room to rewrite and never recovers from a failed write.
 * The file system is asked at most once a second; what is admitted meanwhile is subtracted.
 */
import { statfs } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { CodedError, errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';

const CHECK_EVERY_MS = 1000;
/** A file system that takes longer to say how full it is is in no state to take mail. */
const STATFS_DEADLINE_MS = 5000;

export interface DiskWatermarkOptions {
  readonly folder: string;
  readonly minFreeBytes: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Free bytes of the folder's file system for us; a seam for tests. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

export class DiskWatermark {
  readonly #options: DiskWatermarkOptions;
  #free = 0;
  #checkedAt = -Infinity;
  #checking: Promise<void> | undefined;
  #full = false;

  constructor(options: DiskWatermarkOptions) {
    this.#options = options;
  }

  /** Resolves when `bytes` may be stored, else rejects with STORE_FULL. */
  async admit(bytes: number): Promise<void> {
    if (this.#options.clock.mono() - this.#checkedAt >= CHECK_EVERY_MS) {
      this.#checking ??= this.#check();
      await this.#checking;
    }
    const { folder, minFreeBytes, log } = this.#options;
    if (this.#free - bytes < minFreeBytes) {
      const message = `store ${folder}: only ${Math.max(this.#free, 0)} bytes free on its disk`;
      if (!this.#full)
        log.emit('store.full', { free: this.#free, min: minFreeBytes, msg: message });
      this.#full = true;
      throw new CodedError('STORE_FULL', message);
    }
    this.#full = false;
    this.#free -= bytes;
  }

  async #check(): Promise<void> {
    const { folder, clock, freeBytes = statfsFree } = this.#options;
    try {
      this.#free = await withDeadline(clock, STATFS_DEADLINE_MS, 'free disk space', () =>
        freeBytes(folder),
      );
    } catch (error) {
      throw new CodedError('STORE_FULL', `store ${folder}: ${errorText(error)}`, { cause: error });
    } finally {
      this.#checkedAt = clock.mono();
      this.#checking = undefined;
    }
  }
}

async function statfsFree(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
