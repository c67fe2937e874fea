/**
 * One day of records in a database of its own: adds segments, finds candidates. A search begins with
 * the condition that fewest records meet and looks the others up; where none is selective it reads
 * the records in the order of time. Reads in pages, each a step outside the event loop.
 */
import type { Condition, RecordSegment, StoredRecord } from '../record-store.ts';
import { openedAt } from '../../base/ids.ts';
import type { Database, KeyValue, WriteOp } from './database.ts';
import * as keys from './record-keys.ts';
import type { Places } from './record-keys.ts';
import { mergedPlaces } from './record-places.ts';

const NOTHING = Buffer.alloc(0);
const WHOLE = 1;
const PART = 0;
/** Matches up to here are all read before a search begins. */
const FEW = 256;
/** Keys of a prefix are in the order of its terms, so they must be few enough to be sorted. */
const MAX_PREFIX_KEYS = 5000;
/** Records that are read at a time. */
const PAGE = 100;
const MINUTE_MS = 60_000;

export interface DayState {
  readonly rewritten: string | undefined;
  readonly skew: Skew;
}

/** How far the times at which records began are from the times that their ids say, at most. */
export interface Skew {
  /** A session was open for so long before. */
  readonly behindMs: number;
  /** After a crash ids run ahead of the clock. */
  readonly aheadMs: number;
}

export async function dayState(database: Database): Promise<DayState> {
  const [rewritten, skew] = await database.getMany([keys.REWRITTEN_KEY, keys.SKEW_KEY]);
  const [behindMs = 0, aheadMs = 0] = skew === undefined ? [] : textOf(skew).split(' ').map(Number);
  return { rewritten: rewritten && textOf(rewritten), skew: { behindMs, aheadMs } };
}

export function skewOperation({ behindMs, aheadMs }: Skew): WriteOp {
  return { type: 'put', key: keys.SKEW_KEY, value: Buffer.from(`${behindMs} ${aheadMs}`) };
}

/** What is written for segments, and the skew of the day with them. */
export function operations(
  segments: readonly RecordSegment[],
  skew: Skew,
): { readonly ops: WriteOp[]; readonly skew: Skew } {
  const ops: WriteOp[] = [];
  let { behindMs, aheadMs } = skew;
  for (const { id, at, place, bytes, terms, revoked } of segments) {
    const where = keys.placeOf(id);
    const key = place === 'later' ? keys.laterKey(where, at) : keys.firstKey(where);
    addSegment(ops, key, stored(place === 'whole', bytes), terms, revoked);
    if (place === 'later') continue;
    const byMs = at - openedAt(id);
    behindMs = Math.max(behindMs, byMs);
    aheadMs = Math.max(aheadMs, -byMs);
  }
  if (behindMs === skew.behindMs && aheadMs === skew.aheadMs) return { ops, skew };
  const next = { behindMs: rounded(behindMs), aheadMs: rounded(aheadMs) };
  ops.push(skewOperation(next));
  return { ops, skew: next };
}

/** Up, in steps, for each is a write. */
function rounded(ms: number): number {
  return ms <= 0 ? 0 : MINUTE_MS * 2 ** Math.ceil(Math.log2(Math.max(ms / MINUTE_MS, 1)));
}

function addSegment(
  ops: WriteOp[],
  key: string,
  value: Uint8Array,
  terms: readonly string[],
  revoked: readonly string[],
): void {
  const place = keys.placeInRecordKey(key);
  ops.push({ type: 'put', key, value });
  for (const term of terms) {
    ops.push({ type: 'put', key: keys.termPrefix(term) + place, value: NOTHING });
  }
  for (const term of revoked) ops.push({ type: 'del', key: keys.termPrefix(term) + place });
}

/** The same segment, under the same key, with other bytes and terms. */
export function rewrittenOperations(
  [key, value]: KeyValue,
  changed: Pick<RecordSegment, 'bytes' | 'terms' | 'revoked'>,
): WriteOp[] {
  const ops: WriteOp[] = [];
  const { bytes, terms, revoked } = changed;
  addSegment(ops, key, stored(value[0] === WHOLE, bytes), terms, revoked);
  return ops;
}

export function segmentOf([key, value]: KeyValue): {
  readonly id: string;
  readonly bytes: Uint8Array;
} {
  return { id: keys.idAt(keys.placeInRecordKey(key)), bytes: value.subarray(1) };
}

/** Candidates of a day, newest first. */
export async function* candidates(
  database: Database,
  conditions: readonly Condition[],
  places: Places,
): AsyncGenerator<StoredRecord> {
  const looked: Looked[] = [];
  for (const condition of conditions) {
    const found = await look(database, condition, places);
    if (found.all?.length === 0) return;
    looked.push(found);
  }
  const driver = mostSelective(looked);
  if (driver === undefined) {
    yield* inOrderOfTime(database, places);
    return;
  }
  const others = looked.filter((one) => one !== driver);
  const pages =
    driver.all === undefined
      ? mergedPlaces(database, driver.terms ?? [], places)
      : paged(driver.all);
  for await (const page of pages) {
    const left = await meeting(database, others, page);
    for (let at = 0; at < left.length; at += PAGE) {
      yield* await records(database, left.slice(at, at + PAGE));
    }
  }
}

/** What is known of a condition before the search begins. */
interface Looked {
  /** Its terms when none is a prefix. */
  readonly terms: readonly string[] | undefined;
  /** All places that meet it, in order, when they are few. */
  readonly all: readonly string[] | undefined;
}

async function look(database: Database, condition: Condition, places: Places): Promise<Looked> {
  const terms: string[] = [];
  const found = new Set<string>();
  let isAll = true;
  let hasPrefix = false;
  for (const match of condition) {
    if ('term' in match) terms.push(match.term);
    else hasPrefix = true;
    if (!isAll) continue;
    const limit = 'term' in match ? FEW : MAX_PREFIX_KEYS;
    const range =
      'term' in match ? keys.termRange(match.term, places) : keys.prefixRange(match.prefix);
    let count = 0;
    for await (const page of database.keys({ ...range, limit })) {
      count += page.length;
      for (const key of page) {
        const place = keys.placeInTermKey(key);
        if (place >= places.first && place < places.last) found.add(place);
      }
    }
    if (count >= limit) isAll = false;
  }
  return {
    terms: hasPrefix ? undefined : terms,
    all: isAll ? [...found].sort() : undefined,
  };
}

/** Undefined when nothing is better than reading everything. */
function mostSelective(looked: readonly Looked[]): Looked | undefined {
  let best: Looked | undefined;
  for (const one of looked) {
    if (one.all === undefined) {
      if (one.terms !== undefined) best ??= one;
    } else if (best?.all === undefined || one.all.length < best.all.length) best = one;
  }
  return best;
}

/** The places of a page that meet the other conditions, as far as that can be looked up. */
async function meeting(
  database: Database,
  others: readonly Looked[],
  page: readonly string[],
): Promise<readonly string[]> {
  let left = page;
  for (const { all, terms } of others) {
    if (left.length === 0) break;
    if (all !== undefined) {
      const known = new Set(all);
      left = left.filter((place) => known.has(place));
    } else if (terms !== undefined) {
      const asked = left.flatMap((place) => terms.map((term) => keys.termPrefix(term) + place));
      const there = await database.getMany(asked);
      left = left.filter((_, index) =>
        terms.some((_term, n) => there[index * terms.length + n] !== undefined),
      );
    }
  }
  return left;
}

function* paged(places: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < places.length; at += PAGE) yield places.slice(at, at + PAGE);
}

async function records(database: Database, places: readonly string[]): Promise<StoredRecord[]> {
  const firsts = await database.getMany(places.map(keys.firstKey));
  const found: StoredRecord[] = [];
  for (const [index, place] of places.entries()) {
    const first = firsts[index];
    const id = keys.idAt(place);
    if (first !== undefined && first[0] === WHOLE)
      found.push({ id, segments: [first.subarray(1)] });
    else {
      const prefix = keys.segmentsPrefix(place);
      const segments: Uint8Array[] = [];
      for await (const page of database.entries({ gte: prefix, lt: `${prefix}~` })) {
        for (const [, value] of page) segments.push(value.subarray(1));
      }
      if (segments.length > 0) found.push({ id, segments });
    }
  }
  return found;
}

async function* inOrderOfTime(database: Database, places: Places): AsyncGenerator<StoredRecord> {
  yield* grouped(database.entries(keys.segmentRange(places)));
}

/** Records from their segments, which lie side by side. */
export async function* grouped(
  pages: AsyncIterable<readonly KeyValue[]>,
): AsyncGenerator<StoredRecord> {
  let place: string | undefined;
  let segments: Uint8Array[] = [];
  for await (const page of pages) {
    for (const [key, value] of page) {
      const next = keys.placeInRecordKey(key);
      if (next !== place) {
        if (place !== undefined) yield { id: keys.idAt(place), segments };
        place = next;
        segments = [];
      }
      segments.push(value.subarray(1));
    }
  }
  if (place !== undefined) yield { id: keys.idAt(place), segments };
}

function stored(isWhole: boolean, bytes: Uint8Array): Uint8Array {
  const value = Buffer.allocUnsafe(bytes.length + 1);
  value[0] = isWhole ? WHOLE : PART;
  value.set(bytes, 1);
  return value;
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value).toString();
}
