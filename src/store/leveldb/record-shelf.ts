/**
 * The days of records on disk: a folder each, with a database that is opened when somebody uses it.
 * Only so many are open at a time; those not used for longest are closed. A day that is damaged is
 * set aside under another name, for a person to look at, and goes with the others of its age.
 * Nothing half done survives a restart: what was being made goes, what was being removed is gone.
 */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, errorText } from '../../base/errors.ts';
import type { RecordSegment } from '../record-store.ts';
import type { Database } from './database.ts';
import type { DayState } from './record-day.ts';
import { dayState } from './record-day.ts';

export interface ShelfOptions {
  readonly folder: string;
  readonly open: (folder: string) => Promise<Database>;
  /** A day could not be opened and was set aside. */
  readonly onDamage: (day: string, text: string) => void;
  /** Days whose databases are open at a time, but for those in use. */
  readonly maxOpen?: number;
}

export interface OpenDay {
  readonly database: Database;
  state: DayState;
  /** Takes what is written while the day is being rewritten. */
  mirror: ((segments: readonly RecordSegment[]) => Promise<void>) | undefined;
}

interface Slot {
  readonly day: string;
  readonly opened: Promise<OpenDay>;
  users: number;
  usedAt: number;
  /** Resolves the wait of whoever wants it for himself. */
  onIdle: (() => void) | undefined;
}

const MAX_OPEN = 40;
const DAY = /^\d{4}-\d\d-\d\d$/;
const NEW = '.new';
const GONE = '.gone';
const DAMAGED = '.damaged';

export class RecordShelf {
  readonly #options: ShelfOptions;
  readonly #slots = new Map<string, Slot>();
  /** Days that somebody has for himself. */
  readonly #closed = new Map<string, Promise<void>>();
  readonly #days = new Set<string>();
  /** Of those that have been open. */
  readonly #rewritten = new Map<string, string | undefined>();
  #uses = 0;

  private constructor(options: ShelfOptions) {
    this.#options = options;
  }

  static async open(options: ShelfOptions): Promise<RecordShelf> {
    const shelf = new RecordShelf(options);
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    await shelf.#tidy();
    return shelf;
  }

  /** Oldest first. */
  get days(): readonly string[] {
    return [...this.#days].sort();
  }

  has(day: string): boolean {
    return this.#days.has(day);
  }

  /** What the last rewrite of a day was called. */
  async rewritten(day: string): Promise<string | undefined> {
    if (this.#days.has(day) && !this.#rewritten.has(day))
      await this.use(day, async () => undefined);
    return this.#rewritten.get(day);
  }

  /** Makes the day when it is not there. */
  async use<T>(day: string, work: (day: OpenDay) => Promise<T>): Promise<T> {
    const slot = await this.#take(day);
    try {
      return await work(await slot.opened);
    } finally {
      this.#giveBack(slot);
    }
  }

  /** As `use`, for as long as somebody reads. */
  async *reading<T>(day: string, work: (day: OpenDay) => AsyncIterable<T>): AsyncGenerator<T> {
    const slot = await this.#take(day);
    try {
      yield* work(await slot.opened);
    } finally {
      this.#giveBack(slot);
    }
  }

  async remove(day: string): Promise<void> {
    await this.#alone(day, async () => {
      await rm(this.#path(day) + GONE, { recursive: true, force: true });
      await rename(this.#path(day), this.#path(day) + GONE).catch(ignoreMissing);
      this.#days.delete(day);
      this.#rewritten.delete(day);
    });
    await rm(this.#path(day) + GONE, { recursive: true, force: true });
    await rm(this.#path(day) + DAMAGED, { recursive: true, force: true });
  }

  /** An empty database that may take the place of a day. */
  async begin(day: string): Promise<Database> {
    await rm(this.#path(day) + NEW, { recursive: true, force: true });
    return this.#options.open(this.#path(day) + NEW);
  }

  /** Puts what was begun in the place of the day; `close` closes it once nobody uses the day. */
  async replace(day: string, close: () => Promise<void>): Promise<void> {
    await this.#alone(day, async () => {
      await close();
      await rename(this.#path(day), this.#path(day) + GONE);
      await rename(this.#path(day) + NEW, this.#path(day));
      this.#rewritten.delete(day);
    });
    await rm(this.#path(day) + GONE, { recursive: true, force: true });
  }

  async giveUp(day: string): Promise<void> {
    await rm(this.#path(day) + NEW, { recursive: true, force: true });
  }

  /** Bytes on disk, damaged days included. */
  async bytes(day: string): Promise<number> {
    const folders = [this.#path(day), this.#path(day) + DAMAGED];
    return (await Promise.all(folders.map(folderBytes))).reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Days set aside, which `days` leaves out when nothing new was begun in their place. */
  async damagedDays(): Promise<readonly string[]> {
    const names = await readdir(this.#options.folder);
    return names
      .filter((name) => name.endsWith(DAMAGED) && DAY.test(name.slice(0, -DAMAGED.length)))
      .map((name) => name.slice(0, -DAMAGED.length));
  }

  async close(): Promise<void> {
    for (const day of this.#slots.keys()) await this.#alone(day, async () => undefined);
  }

  async #take(day: string): Promise<Slot> {
    // Whoever has it for himself gives it back soon; another may follow him.
    for (;;) {
      const closed = this.#closed.get(day);
      if (closed === undefined) break;
      await closed;
    }
    let slot = this.#slots.get(day);
    if (slot === undefined) {
      slot = { day, opened: this.#open(day), users: 0, usedAt: 0, onIdle: undefined };
      this.#slots.set(day, slot);
      slot.opened.catch(() => this.#slots.delete(day));
    }
    slot.users += 1;
    slot.usedAt = this.#uses += 1;
    this.#makeRoom();
    return slot;
  }

  #giveBack(slot: Slot): void {
    slot.users -= 1;
    if (slot.users === 0) slot.onIdle?.();
  }

  async #open(day: string): Promise<OpenDay> {
    try {
      return await this.#openOnce(day);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'STORE_DAMAGED') throw error;
      await rm(this.#path(day) + DAMAGED, { recursive: true, force: true });
      await rename(this.#path(day), this.#path(day) + DAMAGED);
      this.#options.onDamage(day, errorText(error));
      return this.#openOnce(day);
    }
  }

  async #openOnce(day: string): Promise<OpenDay> {
    const database = await this.#options.open(this.#path(day));
    try {
      const state = await dayState(database);
      this.#days.add(day);
      this.#rewritten.set(day, state.rewritten);
      return { database, state, mirror: undefined };
    } catch (error) {
      await database.close().catch(() => undefined);
      throw error;
    }
  }

  /** Nobody uses the day, and its database is closed, while `work` runs. */
  async #alone(day: string, work: () => Promise<void>): Promise<void> {
    while (this.#closed.has(day)) await this.#closed.get(day);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed.set(day, promise);
    try {
      const slot = this.#slots.get(day);
      if (slot !== undefined) {
        if (slot.users > 0) {
          await new Promise<void>((idle) => {
            slot.onIdle = idle;
          });
        }
        this.#slots.delete(day);
        await slot.opened.then(({ database }) => database.close()).catch(() => undefined);
      }
      await work();
    } finally {
      this.#closed.delete(day);
      resolve();
    }
  }

  #makeRoom(): void {
    const { maxOpen = MAX_OPEN } = this.#options;
    if (this.#slots.size <= maxOpen) return;
    const idle = [...this.#slots.values()].filter(({ users }) => users === 0);
    const oldest = idle.sort((a, b) => a.usedAt - b.usedAt)[0];
    if (oldest !== undefined) void this.#alone(oldest.day, async () => undefined);
  }

  async #tidy(): Promise<void> {
    const { folder } = this.#options;
    const names = new Set(await readdir(folder));
    for (const name of names) {
      const day = name.slice(0, 10);
      if (!DAY.test(day)) continue;
      // Both moves of `replace` or none: the new one was complete when the old one was moved.
      const isBetween = name.endsWith(GONE) && !names.has(day) && names.has(day + NEW);
      if (isBetween) {
        await rename(join(folder, day + NEW), join(folder, day));
        this.#days.add(day);
        names.delete(day + NEW);
      }
    }
    for (const name of names) {
      if (DAY.test(name)) this.#days.add(name);
      else if (DAY.test(name.slice(0, 10)) && (name.endsWith(NEW) || name.endsWith(GONE))) {
        await rm(join(folder, name), { recursive: true, force: true });
      }
    }
  }

  #path(day: string): string {
    return join(this.#options.folder, day);
  }
}

async function folderBytes(folder: string): Promise<number> {
  let sum = 0;
  try {
    for (const name of await readdir(folder)) {
      sum += (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
    }
  } catch (error) {
    ignoreMissing(error);
  }
  return sum;
}

function ignoreMissing(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ENOENT') throw error;
}
