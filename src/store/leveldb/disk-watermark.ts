/**
 * The low-water mark of the disk: mail is refused for a time (STORE_FULL) long before the store
 * itself would suffer, for LevelDB needs room and files to rewrite and never recovers from a failed
 * write.
 * The file system is asked at most once a second; what is admitted meanwhile is subtracted.
 */
import type { Clock } from '../../base/clock.ts';
import { filesText, hasFewFiles } from '../../base/disk-room.ts';
import type { DiskRoom, FolderRoom } from '../../base/disk-room.ts';
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
  /** Of that folder. */
  readonly room: Pick<FolderRoom, 'within'>;
}

export class DiskWatermark {
  readonly #options: DiskWatermarkOptions;
  /** What it said last, and what was admitted since; or why it said nothing. */
  #room: DiskRoom | CodedError = { freeBytes: 0, freeFiles: undefined };
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
    if (this.#room instanceof CodedError) throw this.#room;
    const { folder, minFreeBytes, log } = this.#options;
    const { freeBytes, freeFiles } = this.#room;
    const lacksFiles = hasFewFiles(this.#room);
    if (lacksFiles || freeBytes - bytes < minFreeBytes) {
      const message = lacksFiles
        ? `store ${folder}: its disk has ${filesText(this.#room)} only`
        : `store ${folder}: only ${Math.max(freeBytes, 0)} bytes free on its disk`;
      if (!this.#full) log.emit('store.full', { free: freeBytes, min: minFreeBytes, msg: message });
      this.#full = true;
      throw new CodedError('STORE_FULL', message);
    }
    this.#full = false;
    this.#room = { freeBytes: freeBytes - bytes, freeFiles };
  }

  async #check(): Promise<void> {
    const { folder, clock, room } = this.#options;
    try {
      this.#room = await room.within(STATFS_DEADLINE_MS);
    } catch (error) {
      const text = `store ${folder}: ${errorText(error)}`;
      this.#room = new CodedError('STORE_FULL', text, { cause: error });
    } finally {
      this.#checkedAt = clock.mono();
      this.#checking = undefined;
    }
  }
}
