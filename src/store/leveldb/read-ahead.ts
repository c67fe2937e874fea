/**
 * Small contents that will soon be wanted, read in one call: a call of the driver for each message
 * costs more than the look itself. What was read is given out once. Only what never changes may be
 * read ahead. Bounded in bytes: beyond that the oldest go and are read again when they are wanted.
 */
import type { Database } from './database.ts';
import { GatheredReads } from './gathered-reads.ts';

const MAX_BYTES = 8 * 1024 * 1024;

export interface Wanted {
  readonly key: string;
  readonly bytes: number;
}

interface Ahead {
  readonly bytes: number;
  /** Resolves when `value` is known; rejects when none of those read together can be. */
  readonly ready: Promise<void>;
  value?: Uint8Array | undefined;
}

export class ReadAhead {
  readonly #database: Pick<Database, 'getMany'>;
  readonly #reads: GatheredReads;
  /** Oldest first. */
  readonly #ahead = new Map<string, Ahead>();
  #bytes = 0;

  constructor(database: Pick<Database, 'getMany'>) {
    this.#database = database;
    this.#reads = new GatheredReads(database);
  }

  /** Begins to read; a damage is told to whoever asks for what is damaged. */
  begin(wanted: readonly Wanted[]): void {
    if (wanted.length < 2) return;
    const ready = this.#database
      .getMany(wanted.map(({ key }) => key))
      .then((values) => all.forEach((one, index) => (one.value = values[index])));
    ready.catch(() => undefined); // whoever asks reads by himself then
    const all = wanted.map(({ key, bytes }) => {
      this.forget(key);
      const one: Ahead = { bytes, ready };
      this.#ahead.set(key, one);
      this.#bytes += bytes;
      return one;
    });
    for (const key of this.#ahead.keys()) {
      if (this.#bytes <= MAX_BYTES) break;
      this.forget(key);
    }
  }

  forget(key: string): void {
    this.#bytes -= this.#ahead.get(key)?.bytes ?? 0;
    this.#ahead.delete(key);
  }

  /** The values in the order of the keys; rejects as the database does. */
  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    const [key] = keys;
    const ahead = key === undefined || keys.length > 1 ? undefined : this.#ahead.get(key);
    if (key === undefined || ahead === undefined) return this.#reads.getMany(keys);
    this.forget(key);
    try {
      await ahead.ready;
    } catch {
      return this.#reads.getMany(keys);
    }
    return [ahead.value];
  }
}
