/**
 * A look at everything in a store that is not in use: each record, its content, its place in the
 * index, and what belongs to no message. Changes nothing. What it finds, mend.ts puts in order.
 */
import type { ContentFiles } from './content-files.ts';
import type { Database } from './database.ts';
import { endOf, heldKey, isId, parseDueKey, recordKey } from './keys.ts';
import { indexKey, standingOf } from './message-ops.ts';
import { decodeRecord } from './record-codec.ts';
import type { StoredRecord } from './record-codec.ts';
import type { StoredContents } from './stored-contents.ts';
import { areSame, Tallies } from './tallies.ts';
import { recountAll } from './recount.ts';

export type Finding =
  | { readonly kind: 'damaged-record'; readonly id: string }
  /** Its content is missing, cut, or not what was stored. */
  | { readonly kind: 'damaged-content'; readonly id: string; readonly record: StoredRecord }
  /** A message that no claim would find. */
  | { readonly kind: 'lost-place'; readonly id: string; readonly record: StoredRecord }
  /** A key of an index that says nothing true. */
  | { readonly kind: 'stray-place'; readonly key: string }
  | { readonly kind: 'stray-part'; readonly key: string }
  | { readonly kind: 'stray-file'; readonly id: string }
  | { readonly kind: 'wrong-tally'; readonly dest: string };

export interface InspectedStore {
  readonly database: Database;
  readonly contents: StoredContents;
  readonly files: ContentFiles;
}

/** Also hears of each message that is whole. */
export async function* inspect(
  store: InspectedStore,
  onWhole: (record: StoredRecord) => void,
): AsyncGenerator<Finding> {
  yield* inspectRecords(store, onWhole);
  yield* inspectPlaces(store.database);
  yield* inspectParts(store.database);
  for (const id of store.files.found())
    if (isId(id) && !(await store.database.has(recordKey(id)))) yield { kind: 'stray-file', id };
  yield* inspectTallies(store.database);
}

async function* inspectRecords(
  { database, contents }: InspectedStore,
  onWhole: (record: StoredRecord) => void,
): AsyncGenerator<Finding> {
  const prefix = recordKey('');
  for await (const page of database.entries({ gte: prefix, lt: endOf(prefix) }))
    for (const [key, value] of page) {
      const id = key.slice(prefix.length);
      const record = decodeRecord(value);
      if (record?.entry.id !== id) {
        yield { kind: 'damaged-record', id };
        continue;
      }
      const isPlaced = await database.has(indexKey(standingOf(record)));
      if (!isPlaced) yield { kind: 'lost-place', id, record };
      if (!(await isReadable(contents, record))) yield { kind: 'damaged-content', id, record };
      else if (isPlaced) onWhole(record);
    }
}

async function isReadable(contents: StoredContents, record: StoredRecord): Promise<boolean> {
  try {
    for await (const piece of contents.read(record.entry.id, record.content)) void piece;
    return true;
  } catch {
    return false; // every error here is one of reading it back
  }
}

/** A place whose record says another one, or that has none. Of a damaged record nothing is said. */
async function* inspectPlaces(database: Database): AsyncGenerator<Finding> {
  for (const letter of ['d!', 'h!'])
    for await (const page of database.keys({ gte: letter, lt: endOf(letter) })) {
      const ids = page.map((key) => idOf(key));
      const records = await database.getMany(ids.map((id) => recordKey(id ?? '')));
      for (const [index, key] of page.entries()) {
        const value = records[index];
        const record = value && decodeRecord(value);
        const isDamaged = value !== undefined && record === undefined;
        if (!isDamaged && (record === undefined || indexKey(standingOf(record)) !== key))
          yield { kind: 'stray-place', key };
      }
    }
}

function idOf(key: string): string | undefined {
  return key.startsWith('h!') ? key.slice(heldKey('').length) : parseDueKey(key)?.id;
}

async function* inspectParts(database: Database): AsyncGenerator<Finding> {
  let last: { id: string; isKnown: boolean } | undefined;
  for await (const page of database.keys({ gte: 'b!', lt: endOf('b!') }))
    for (const key of page) {
      const id = key.split('!')[1] ?? '';
      if (last?.id !== id) last = { id, isKnown: await database.has(recordKey(id)) };
      if (!last.isKnown) yield { kind: 'stray-part', key };
    }
}

async function* inspectTallies(database: Database): AsyncGenerator<Finding> {
  const stored = new Tallies();
  const counted = new Tallies();
  const damaged = await stored.load(database);
  await recountAll(database, counted);
  for (const dest of damaged) yield { kind: 'wrong-tally', dest };
  for (const dest of new Set([...stored.dests(), ...counted.dests()])) {
    if (damaged.includes(dest)) continue;
    if (!areSame(stored.of(dest), counted.of(dest))) yield { kind: 'wrong-tally', dest };
  }
}
