/**
 * Reads places of the due index from disk, around what cannot be read: a block of the index that is
 * damaged hides the messages in it, not those behind it. Where it ends nobody can say, so a place
 * behind it is searched for by time. Never rejects for damage; says when it met some.
 */
import { CodedError } from '../../base/errors.ts';
import type { Database } from './database.ts';
import { dueKey, duePrefix, endOf, MAX_DUE, parseDueKey } from './keys.ts';
import type { Place } from './keys.ts';

/** Stands in for a key where none can be read; no key can be mistaken for it. */
const DAMAGED = Symbol('damaged');

export interface DueReading {
  /** In order. With `isCut` there may be more from the last one on. */
  readonly places: readonly Place[];
  readonly isCut: boolean;
  readonly isDamaged: boolean;
}

export async function readDue(
  database: Database,
  dest: string,
  from: Place,
  limit: number,
): Promise<DueReading> {
  const end = endOf(duePrefix(dest));
  try {
    const range = { gte: dueKey(dest, from), lt: end, limit };
    const found: string[] = [];
    for await (const page of database.keys(range)) found.push(...page);
    return { places: placesOf(found), isCut: found.length === limit, isDamaged: false };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return readAround(database, dest, from, limit);
  }
}

/** One by one up to the damage, then the first that is found behind it. */
async function readAround(
  database: Database,
  dest: string,
  from: Place,
  limit: number,
): Promise<DueReading> {
  const end = endOf(duePrefix(dest));
  const next = (start: string) => firstKey(database, start, end);
  const found: string[] = [];
  let start = dueKey(dest, from);
  while (found.length < limit) {
    const key = await next(start);
    if (key === DAMAGED) break;
    if (key === undefined) return { places: placesOf(found), isCut: false, isDamaged: true };
    found.push(key);
    start = `${key}\0`;
  }
  if (found.length === limit) return { places: placesOf(found), isCut: true, isDamaged: false };
  const last = placesOf(found).at(-1) ?? from;
  const behind = await firstBehind(last.dueAt, (dueAt) => next(dueKey(dest, { dueAt, id: '' })));
  if (behind !== undefined) found.push(behind);
  return { places: placesOf(found), isCut: behind !== undefined, isDamaged: true };
}

/** The first key behind the damage at `dueAt`: steps that double, then halves between the last two. */
async function firstBehind(
  dueAt: number,
  next: (dueAt: number) => Promise<string | typeof DAMAGED | undefined>,
): Promise<string | undefined> {
  let bad = dueAt;
  let good = dueAt + 1;
  let found = await next(good);
  while (found === DAMAGED) {
    bad = good;
    good = dueAt + (good - dueAt) * 2;
    if (good > MAX_DUE) return undefined;
    found = await next(good);
  }
  while (good - bad > 1) {
    const middle = Math.floor((bad + good) / 2);
    const there = await next(middle);
    if (there === DAMAGED) bad = middle;
    else {
      good = middle;
      found = there;
    }
  }
  return found;
}

async function firstKey(
  database: Database,
  gte: string,
  lt: string,
): Promise<string | typeof DAMAGED | undefined> {
  try {
    for await (const page of database.keys({ gte, lt, limit: 1 })) return page[0];
    return undefined;
  } catch (error) {
    if (isDamage(error)) return DAMAGED;
    throw error;
  }
}

/** A key not written by us is passed over. */
function placesOf(keys: readonly string[]): Place[] {
  return keys.flatMap((key) => {
    const place = parseDueKey(key);
    return place === undefined ? [] : [{ dueAt: place.dueAt, id: place.id }];
  });
}

function isDamage(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'STORE_DAMAGED';
}
