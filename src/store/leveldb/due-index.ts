/**
 * The due index of all destinations: who has waiting messages, how many, and the next places to
 * claim. When the store opens it reads the first place of each destination; from then on it follows
 * each batch once that is on disk, and never reads a record.
 */
import type { Database } from './database.ts';
import { DueWindow, LOAD_PLACES } from './due-window.ts';
import { readDue } from './due-reading.ts';
import { duePrefix, endOf, parseDueKey } from './keys.ts';
import type { Place } from './keys.ts';

export class DueIndex {
  readonly #database: Database;
  readonly #onDamage: (dest: string) => void;
  readonly #windows = new Map<string, DueWindow>();

  /** `onDamage` hears of a destination of whose index a part cannot be read. */
  constructor(database: Database, onDamage: (dest: string) => void = () => undefined) {
    this.#database = database;
    this.#onDamage = onDamage;
  }

  /** Finds who has waiting messages, by one seek each; `countOf` knows how many. */
  async open(countOf: (dest: string) => number): Promise<Set<string>> {
    const skipTo = (key: string) => {
      const place = parseDueKey(key);
      // A key not written by us is passed over.
      return place === undefined ? `${key}\0` : endOf(duePrefix(place.dest));
    };
    for await (const key of this.#database.firstKeys({ gte: 'd!', lt: endOf('d!') }, skipTo)) {
      const place = parseDueKey(key);
      if (place === undefined) continue;
      const { dest, dueAt, id } = place;
      const window = new DueWindow({ dueAt, id });
      window.messages = countOf(dest);
      this.#windows.set(dest, window);
    }
    return new Set(this.#windows.keys());
  }

  /** The count of a destination was wrong. */
  recounted(dest: string, messages: number): void {
    const window = this.#windows.get(dest);
    if (window !== undefined) window.messages = messages;
  }

  destinations(): Iterable<readonly [dest: string, window: DueWindow]> {
    return this.#windows;
  }

  /** A message has come to wait for `dest`; its place is on disk. */
  arrive(dest: string, place: Place): void {
    let window = this.#windows.get(dest);
    if (window === undefined) {
      window = new DueWindow();
      this.#windows.set(dest, window);
    }
    window.messages++;
    window.add(place);
  }

  /** A message waits no longer; its place is gone from the disk. */
  leave(dest: string, place: Place): void {
    const window = this.#windows.get(dest);
    if (window === undefined) return;
    window.remove(place);
    window.fresh.remove(place.id);
    window.messages--;
    if (window.messages <= 0) this.#windows.delete(dest);
  }

  /** What has arrived at `place` is new mail. */
  fresh(dest: string, place: Place): void {
    this.#windows.get(dest)?.fresh.add(place);
  }

  /** Takes the first place of `dest` that is due; it stays on disk, and counts, until it leaves. */
  take(dest: string, dueAt: number): Place | undefined {
    const window = this.#windows.get(dest);
    const place = window?.take(dueAt);
    if (place !== undefined) window?.fresh.remove(place.id);
    return place;
  }

  /** Takes the newest place of new mail; it stays in the order of the index too. */
  takeFresh(dest: string, dueAt: number): Place | undefined {
    return this.#windows.get(dest)?.fresh.take(dueAt);
  }

  /** A taken place may be taken again. */
  giveBack(dest: string, place: Place): void {
    this.#windows.get(dest)?.add(place);
  }

  wantsLoad(dest: string, dueAt: number): boolean {
    return this.#windows.get(dest)?.wantsLoad(dueAt) !== undefined;
  }

  /** Loads the next places of `dest`; no batch may be in flight meanwhile. */
  async load(dest: string, dueAt: number): Promise<void> {
    const window = this.#windows.get(dest);
    const horizon = window?.wantsLoad(dueAt);
    if (window === undefined || horizon === undefined) return;
    const { places, isCut, isDamaged } = await readDue(this.#database, dest, horizon, LOAD_PLACES);
    if (isDamaged) this.#onDamage(dest);
    window.load(places, isCut);
  }
}

/** The size in bytes that an index entry carries. */
export function storedSize(value: Uint8Array): number {
  const size = Number(Buffer.from(value).toString('latin1'));
  return Number.isSafeInteger(size) && size >= 0 ? size : 0;
}
