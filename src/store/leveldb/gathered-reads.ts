/**
 * Reads side by side become one. A call of the driver costs a hop to another thread, more than the
 * look itself; so what is asked for while a read is under way waits for its end and is read
 * together. Alone, a read begins at once. What damages one read spoils only those who asked for it.
 */
import type { Database } from './database.ts';

/** Keys of one read: with parts of 64 KiB some 4 MiB in memory at a time. */
const MAX_KEYS = 64;

type Values = (Uint8Array | undefined)[];

interface Asked {
  readonly keys: readonly string[];
  readonly resolve: (values: Values | Promise<Values>) => void;
}

export class GatheredReads {
  readonly #database: Pick<Database, 'getMany'>;
  #waiting: Asked[] = [];
  #reading = false;

  constructor(database: Pick<Database, 'getMany'>) {
    this.#database = database;
  }

  /** The values in the order of the keys; rejects as the database does. */
  getMany(keys: readonly string[]): Promise<Values> {
    const { promise, resolve } = Promise.withResolvers<Values>();
    this.#waiting.push({ keys, resolve });
    if (!this.#reading) void this.#readAll();
    return promise;
  }

  /** Never rejects: whoever asked hears of it. */
  async #readAll(): Promise<void> {
    this.#reading = true;
    while (this.#waiting.length > 0) await this.#readSome(this.#next());
    this.#reading = false;
  }

  #next(): Asked[] {
    let keys = 0;
    const end = this.#waiting.findIndex((asked, index) => {
      keys += asked.keys.length;
      return index > 0 && keys > MAX_KEYS;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  async #readSome(some: readonly Asked[]): Promise<void> {
    let values: Values;
    try {
      values = await this.#database.getMany(some.flatMap(({ keys }) => keys));
    } catch {
      for (const { keys, resolve } of some) resolve(this.#database.getMany(keys));
      return;
    }
    let at = 0;
    for (const { keys, resolve } of some) resolve(values.slice(at, (at += keys.length)));
  }
}
