/**
 * The books of all plugins in one map of the store. A book is the same one for every generation of
 * its plugin, so the count of its entries is kept here: taken when it is first written to, and anew,
 * once a minute at most, when the book seems full, for entries are forgotten without a word.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import type { Book, BookBounds } from '../plugin.ts';
import type { TtlMap } from '../store/ttl-map.ts';

import { AddedEntries } from './added-entries.ts';

export type BookMap = Pick<TtlMap, 'get' | 'put' | 'putIfAbsent' | 'delete' | 'list'>;

const NAMESPACE = 'plugin';
const NAME = /^[a-z][a-z0-9-]{0,31}$/;
const MAX_BOOKS = 10; // of one plugin
const MAX_ENTRIES = 1_000_000;
const MAX_TTL_MS = 400 * 86_400_000;
const MAX_KEY_BYTES = 512;
const MAX_VALUE_BYTES = 1024;
const RECOUNT_MS = 60_000;
const PAGE = 1000;

/** How many entries a book has, about. */
interface Count {
  entries: number;
  /** On the monotonic clock. */
  takenAt: number;
}

export class PluginBooks {
  /** Beside the books, which plugins write: what people have added to them. */
  readonly added: AddedEntries;
  readonly #map: BookMap;
  readonly #clock: Clock;
  readonly #counts = new Map<string, Promise<Count>>();

  constructor(map: BookMap, clock: Clock) {
    this.#map = map;
    this.added = new AddedEntries(map, clock);
    this.#clock = clock;
  }

  /** Books of one plugin; throws when a name or a bound is none. */
  of(plugin: string): (name: string, bounds: BookBounds) => Book {
    const names = new Set<string>();
    return (name, bounds) => {
      names.add(checked(name, bounds));
      if (names.size > MAX_BOOKS) throw new CodedError('LIMIT', `more than ${MAX_BOOKS} books`);
      return this.#book(`${plugin}/${name}/`, bounds);
    };
  }

  #book(prefix: string, { ttl, max }: BookBounds): Book {
    const map = this.#map;
    const keyOf = (key: string) => prefix + bounded(key, MAX_KEY_BYTES, 'key');
    const hasRoom = async (place: string) =>
      (await map.get(NAMESPACE, place)) !== undefined || this.#takeRoom(prefix, max);
    return {
      get: async (key) => {
        const entry = await map.get(NAMESPACE, keyOf(key));
        return entry && textOf(entry.value);
      },
      put: async (key, value) => {
        const place = keyOf(key);
        const bytes = Buffer.from(bounded(value, MAX_VALUE_BYTES, 'value'));
        if (!(await hasRoom(place))) return false;
        await map.put(NAMESPACE, place, bytes, ttl);
        return true;
      },
      putIfAbsent: async (key, value) => {
        const place = keyOf(key);
        const bytes = Buffer.from(bounded(value, MAX_VALUE_BYTES, 'value'));
        if (!(await hasRoom(place))) return undefined;
        return textOf((await map.putIfAbsent(NAMESPACE, place, bytes, ttl)).value);
      },
      delete: async (key) => {
        const wasThere = await map.delete(NAMESPACE, keyOf(key));
        const count = await this.#counts.get(prefix);
        if (wasThere && count !== undefined) count.entries = Math.max(0, count.entries - 1);
        return wasThere;
      },
    };
  }

  async #takeRoom(prefix: string, max: number): Promise<boolean> {
    let count = await (this.#counts.get(prefix) ?? this.#recount(prefix));
    if (count.entries >= max && this.#clock.mono() - count.takenAt >= RECOUNT_MS) {
      count.takenAt = this.#clock.mono(); // who comes meanwhile goes by the count that is there
      count = await this.#recount(prefix);
    }
    if (count.entries >= max) return false;
    count.entries += 1;
    return true;
  }

  #recount(prefix: string): Promise<Count> {
    const counting = this.#count(prefix);
    this.#counts.set(prefix, counting);
    // The next one tries anew; whoever waits hears why.
    counting.catch(() => this.#counts.delete(prefix));
    return counting;
  }

  async #count(prefix: string): Promise<Count> {
    let entries = 0;
    let after = prefix;
    for (;;) {
      const page = await this.#map.list(NAMESPACE, { prefix, after, limit: PAGE });
      entries += page.length;
      const last = page.at(-1);
      if (page.length < PAGE || last === undefined) break;
      after = last.key;
    }
    return { entries, takenAt: this.#clock.mono() };
  }
}

function checked(name: string, { ttl, max }: BookBounds): string {
  if (!NAME.test(name)) throw new CodedError('PLUGIN_INVALID', 'bad name of a book');
  if (!(ttl > 0 && ttl <= MAX_TTL_MS)) throw new CodedError('PLUGIN_INVALID', 'bad ttl of a book');
  if (!Number.isInteger(max) || max < 1 || max > MAX_ENTRIES) {
    throw new CodedError('PLUGIN_INVALID', 'bad max of a book');
  }
  return name;
}

function bounded(text: string, bytes: number, what: string): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  throw new CodedError('LIMIT', `a ${what} of a book has at most ${bytes} bytes`);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
