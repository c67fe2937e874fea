/**
 * The records of the messages, read back. Nobody gets a damaged one: it is told to `onDamage`, left
 * where it is, and passed by where several are read.
 */
import { CodedError } from '../../base/errors.ts';
import type { ScanOptions } from '../spool-store.ts';
import type { Database } from './database.ts';
import { endOf, heldKey, recordKey } from './keys.ts';
import { decodeRecord } from './record-codec.ts';
import type { StoredRecord } from './record-codec.ts';

const PREFIX = recordKey('');
const READ_AT_ONCE = 200;

export class Records {
  readonly #database: Database;
  readonly #onDamage: (id: string) => void;

  constructor(database: Database, onDamage: (id: string) => void) {
    this.#database = database;
    this.#onDamage = onDamage;
  }

  /** Undefined when there is none; rejects with STORE_DAMAGED when it is damaged. */
  async get(id: string): Promise<StoredRecord | undefined> {
    const [record] = await this.getMany([id]);
    if (record === 'damaged')
      throw new CodedError('STORE_DAMAGED', `the record of ${id} is damaged`);
    return record;
  }

  async getMany(ids: readonly string[]): Promise<(StoredRecord | 'damaged' | undefined)[]> {
    let stored: (Uint8Array | undefined)[];
    try {
      stored = await this.#database.getMany(ids.map(recordKey));
    } catch (error) {
      if (!isDamage(error)) throw error;
      // A block of a table that cannot be read must not keep the others back.
      return Promise.all(ids.map((id) => this.#readAlone(id)));
    }
    return ids.map((id, index) => {
      const value = stored[index];
      return value && (this.#decode(id, value) ?? 'damaged');
    });
  }

  async #readAlone(id: string): Promise<StoredRecord | 'damaged' | undefined> {
    try {
      const value = await this.#database.get(recordKey(id));
      return value && (this.#decode(id, value) ?? 'damaged');
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#onDamage(id);
      return 'damaged';
    }
  }

  /** Up to `limit` records in id order behind `after`. */
  async page({ after = '', limit, only }: ScanOptions): Promise<StoredRecord[]> {
    if (limit <= 0) return [];
    if (only !== undefined) return this.#pageOf(only, after, limit);
    const found: StoredRecord[] = [];
    for await (const page of this.#database.entries({ gt: recordKey(after), lt: endOf(PREFIX) })) {
      for (const [key, value] of page) {
        const record = this.#decode(key.slice(PREFIX.length), value);
        if (record !== undefined) found.push(record);
        if (found.length === limit) return found;
      }
    }
    return found;
  }

  async #pageOf(only: 'waiting' | 'held', after: string, limit: number): Promise<StoredRecord[]> {
    const found: StoredRecord[] = [];
    for await (const ids of this.#idsOf(only, after))
      for (const record of await this.getMany(ids)) {
        if (record === undefined || record === 'damaged') continue;
        // It may have become the other since its key was read.
        if ((record.dueAt === undefined) === (only === 'held')) found.push(record);
        if (found.length === limit) return found;
      }
    return found;
  }

  /** From the indexes, so that records nobody asked for are not read. */
  async *#idsOf(only: 'waiting' | 'held', after: string): AsyncGenerator<string[]> {
    const prefix = only === 'held' ? heldKey('') : PREFIX;
    for await (const page of this.#database.keys({ gt: prefix + after, lt: endOf(prefix) }))
      for (let at = 0; at < page.length; at += READ_AT_ONCE) {
        const ids = page.slice(at, at + READ_AT_ONCE).map((key) => key.slice(prefix.length));
        if (only === 'held') yield ids;
        else {
          const held = await this.#database.getMany(ids.map(heldKey));
          yield ids.filter((_, index) => held[index] === undefined);
        }
      }
  }

  #decode(id: string, value: Uint8Array): StoredRecord | undefined {
    const record = decodeRecord(value);
    if (record?.entry.id === id) return record;
    this.#onDamage(id);
    return undefined;
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'STORE_DAMAGED';
}
