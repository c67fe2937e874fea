/**
 * The RecordStore in LevelDB: a database for each day. So a day goes by removing a folder, a day
 * that is damaged takes no other with it, and what a rewrite replaces is gone from the disk. Writes
 * are synced now and then only: a power cut may cost the records of the last seconds.
 */
import { dayOf, endOfDay, startOfDay } from '../../base/days.ts';
import { firstIdAt } from '../../base/ids.ts';
import type { Clock } from '../../base/clock.ts';
import { CodedError, errorText } from '../../base/errors.ts';
import type {
  FoundRecord,
  RecordDay,
  RecordSearch,
  RecordSegment,
  RecordStore,
  SegmentChange,
  StoredRecord,
} from '../record-store.ts';
import type { Database, KeyValue, WriteOp } from './database.ts';
import { openDatabase } from './database.ts';
import type { DayState } from './record-day.ts';
import {
  candidates,
  grouped,
  operations,
  rewrittenOperations,
  segmentOf,
  skewOperation,
} from './record-day.ts';
import * as keys from './record-keys.ts';
import type { OpenDay } from './record-shelf.ts';
import { RecordShelf } from './record-shelf.ts';

export interface LevelRecordsOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** A day cannot be read, in part or at all; what can be is. */
  readonly onDamage: (day: string, text: string) => void;
  /** Seams for tests. */
  readonly maxOpen?: number;
  readonly open?: (folder: string) => Promise<Database>;
}

const SYNC_EVERY_MS = 10_000;
const MIB = 1024 * 1024;
/** Terms are written all over the key space: the larger the buffer, the less is merged twice. */
const SIZES = { writeBufferBytes: 16 * MIB, cacheBytes: 4 * MIB, fileBytes: 16 * MIB };
const REWRITE_PAGE = 200;
/** Records that began so far from what their ids say may escape a search by time. */
const MAX_SKEW_MS = 2 * 86_400_000;

export async function openLevelRecords(options: LevelRecordsOptions): Promise<RecordStore> {
  const { open = (place) => openDatabase(place, SIZES) } = options;
  const shelf = await RecordShelf.open({ ...options, open });
  return new LevelRecords(shelf, options);
}

class LevelRecords implements RecordStore {
  readonly #shelf: RecordShelf;
  readonly #clock: Clock;
  readonly #onDamage: LevelRecordsOptions['onDamage'];
  readonly #syncedAt = new Map<string, number>();

  constructor(shelf: RecordShelf, { clock, onDamage }: LevelRecordsOptions) {
    this.#shelf = shelf;
    this.#clock = clock;
    this.#onDamage = onDamage;
  }

  async append(segments: readonly RecordSegment[]): Promise<void> {
    for (const [day, ofDay] of byDay(segments))
      await this.#shelf.use(day, (open) => this.#add(day, open, ofDay));
  }

  async #add(day: string, open: OpenDay, segments: readonly RecordSegment[]): Promise<void> {
    const { ops, skew } = operations(segments, open.state.skew);
    const now = this.#clock.mono();
    const sync = now - (this.#syncedAt.get(day) ?? -Infinity) >= SYNC_EVERY_MS;
    await open.database.batch(ops, { sync });
    if (sync) this.#syncedAt.set(day, now);
    open.state = { ...open.state, skew };
    await open.mirror?.(segments);
  }

  async *search(search: RecordSearch): AsyncGenerator<FoundRecord> {
    for (const day of this.#shelf.days.toReversed()) {
      if (!mayHold(day, search)) continue;
      try {
        yield* this.#shelf.reading(day, (open) => found(day, open, search));
      } catch (error) {
        if (!(error instanceof CodedError) || error.code !== 'STORE_DAMAGED') throw error;
        // The records of the other days are worth having.
        this.#onDamage(day, errorText(error));
      }
    }
  }

  async session(sid: string, limit: number): Promise<readonly StoredRecord[]> {
    const records: StoredRecord[] = [];
    const day = dayOf(sid);
    if (!this.#shelf.has(day)) return records;
    await this.#shelf.use(day, async ({ database }) => {
      const range = { ...keys.sessionRange(sid), limit };
      for await (const record of grouped(database.entries(range))) records.push(record);
    });
    return records.reverse();
  }

  async days(): Promise<readonly RecordDay[]> {
    const days = new Set([...this.#shelf.days, ...(await this.#shelf.damagedDays())]);
    const told: RecordDay[] = [];
    for (const day of [...days].sort()) {
      const bytes = await this.#shelf.bytes(day);
      told.push({ day, bytes, rewritten: await this.#shelf.rewritten(day) });
    }
    return told;
  }

  async drop(day: string): Promise<void> {
    this.#syncedAt.delete(day);
    await this.#shelf.remove(day);
  }

  async rewrite(
    day: string,
    name: string,
    change: SegmentChange,
    pause: () => Promise<void>,
  ): Promise<void> {
    const target = await this.#shelf.begin(day);
    try {
      await this.#shelf.use(day, async (open) => {
        const write = async (entries: readonly KeyValue[]) => {
          await target.batch(
            entries.flatMap((entry) => changed(entry, change)),
            { sync: false },
          );
        };
        open.mirror = (segments) => {
          const { ops } = operations(segments, open.state.skew);
          return write(ops.flatMap((op) => (isSegment(op) ? [[op.key, op.value] as const] : [])));
        };
        try {
          await copy(open.database, write, pause);
          await finish(target, name, open.state);
        } catch (error) {
          open.mirror = undefined;
          throw error;
        }
      });
      // The mirror stays until nobody can write to the old one any more.
      await this.#shelf.replace(day, () => target.close());
    } catch (error) {
      await target.close().catch(() => undefined);
      await this.#shelf.giveUp(day);
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#shelf.close();
  }
}

/** The ids of a day lie together, so that hardly ever a date must be made of one. */
function byDay(segments: readonly RecordSegment[]): Map<string, RecordSegment[]> {
  let [day, first, beyond] = ['', '', ''];
  return Map.groupBy(segments, ({ id }) => {
    if (id < first || id >= beyond) {
      day = dayOf(id);
      [first, beyond] = [firstIdAt(startOfDay(day)), firstIdAt(endOfDay(day))];
    }
    return day;
  });
}

function mayHold(day: string, { since, until, before }: RecordSearch): boolean {
  if (until !== undefined && startOfDay(day) - MAX_SKEW_MS > until) return false;
  if (since !== undefined && endOfDay(day) + MAX_SKEW_MS < since) return false;
  return before === undefined || day <= dayOf(before);
}

async function* found(
  day: string,
  { database, state }: OpenDay,
  { conditions, since, until, before }: RecordSearch,
): AsyncGenerator<FoundRecord> {
  const asked = conditions({ day, rewritten: state.rewritten });
  if (asked === undefined) return;
  const from = Math.max(startOfDay(day), since === undefined ? 0 : since - state.skew.behindMs);
  const to = Math.min(
    endOfDay(day),
    until === undefined ? Infinity : until + 1 + state.skew.aheadMs,
  );
  if (from >= to) return;
  const places = keys.placesBetween(firstIdAt(from), firstIdAt(to));
  const left = before === undefined ? places : keys.placesBehind(places, before);
  const { rewritten } = state;
  for await (const record of candidates(database, asked, left)) yield { ...record, rewritten };
}

async function copy(
  database: Database,
  write: (entries: readonly KeyValue[]) => Promise<void>,
  pause: () => Promise<void>,
): Promise<void> {
  let after = 'r!';
  for (;;) {
    let last: string | undefined;
    for await (const page of database.entries({ gt: after, lt: 'r"', limit: REWRITE_PAGE })) {
      await write(page);
      last = page.at(-1)?.[0] ?? last;
    }
    if (last === undefined) return;
    after = last;
    await pause();
  }
}

/** Synced, so that nothing of the old day is removed before the new one is on disk. */
async function finish(target: Database, name: string, { skew }: DayState): Promise<void> {
  const told: WriteOp = { type: 'put', key: keys.REWRITTEN_KEY, value: Buffer.from(name) };
  await target.batch([skewOperation(skew), told], { sync: true });
  await target.compact('', '~');
}

function changed(entry: KeyValue, change: SegmentChange): WriteOp[] {
  const next = change(segmentOf(entry));
  return next === undefined ? [] : rewrittenOperations(entry, next);
}

function isSegment(op: WriteOp): op is Extract<WriteOp, { type: 'put' }> {
  return op.type === 'put' && op.key.startsWith('r!');
}
