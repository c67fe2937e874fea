/**
 * Compaction of dead ranges. A queue appends at one end and deletes at the other, and LevelDB by
 * itself gives that space back late or never. So once what was deleted outweighs what lives, the
 * spool's ranges are compacted: the cost of rewriting what lives is paid for by what was deleted,
 * and the disk in use stays within a factor of the live messages.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Database } from './database.ts';
import { endOf } from './keys.ts';

const CHECK_EVERY_MS = 15_000;
/** Less is not worth the trouble. */
const MIN_DEAD_BYTES = 16 * 1024 * 1024;
const RANGES = ['b!', 'm!', 'd!', 'h!'];

export interface CompactionOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly liveBytes: () => number;
}

export class Compaction {
  readonly #options: CompactionOptions;
  #deadBytes = 0;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: CompactionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.timer(CHECK_EVERY_MS, () => this.#check());
  }

  /** Bytes that were deleted or overwritten. */
  note(bytes: number): void {
    this.#deadBytes += bytes;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.stop();
    await this.#running;
  }

  #check(): void {
    const enough = Math.max(MIN_DEAD_BYTES, this.#options.liveBytes());
    if (this.#deadBytes < enough) this.#timer?.restart();
    else this.#running = this.#compact();
  }

  async #compact(): Promise<void> {
    this.#deadBytes = 0;
    const { database, log } = this.#options;
    try {
      for (const range of RANGES) if (!this.#stopped) await database.compact(range, endOf(range));
    } catch (error) {
      log.emit('store.error', { msg: `compaction: ${errorText(error)}` });
    }
    this.#running = undefined;
    if (!this.#stopped) this.#timer?.restart();
  }
}
