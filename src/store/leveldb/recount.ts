/**
 * Tallies counted from the indexes: all of them for a store that another version has worked on, or
 * one where index and tally contradict each other. Records are read for held messages only, to learn
 * whose they are.
 */
import type { Database, WriteOp } from './database.ts';
import { isQuarantined } from '../../mail/spool-entry.ts';
import { storedSize } from './due-index.ts';
import { duePrefix, endOf, heldKey, parseDueKey, recordKey } from './keys.ts';
import { decodeRecord } from './record-codec.ts';
import { countOne, noTally } from './tallies.ts';
import type { Tallies, Tally } from './tallies.ts';

const HELD = heldKey('');
/** Whose record is damaged counts here. */
const UNKNOWN_DEST = '';

/** Sets all tallies; what the disk must be told. */
export async function recountAll(database: Database, tallies: Tallies): Promise<WriteOp[]> {
  const counted = new Map<string, Tally>();
  const of = (dest: string): Tally => {
    const known = counted.get(dest);
    if (known !== undefined) return known;
    const tally = noTally();
    counted.set(dest, tally);
    return tally;
  };
  for await (const page of database.entries({ gte: 'd!', lt: endOf('d!') }))
    for (const [key, value] of page) {
      const place = parseDueKey(key);
      if (place !== undefined) countOne(of(place.dest), 'queued', storedSize(value));
    }
  for await (const held of heldMessages(database)) countOne(of(held.dest), held.kind, held.bytes);
  const dests = new Set([...tallies.dests(), ...counted.keys()]);
  return [...dests].map((dest) => tallies.set(dest, of(dest)));
}

/** Sets the tally of one destination. Reads the index of what is held by all. */
export async function recount(
  database: Database,
  tallies: Tallies,
  dest: string,
): Promise<WriteOp> {
  const tally = noTally();
  const prefix = duePrefix(dest);
  for await (const page of database.entries({ gte: prefix, lt: endOf(prefix) }))
    for (const [key, value] of page)
      if (parseDueKey(key) !== undefined) countOne(tally, 'queued', storedSize(value));
  for await (const held of heldMessages(database))
    if (held.dest === dest) countOne(tally, held.kind, held.bytes);
  return tallies.set(dest, tally);
}

interface HeldMessage {
  readonly dest: string;
  readonly kind: 'held' | 'quarantined';
  readonly bytes: number;
}

async function* heldMessages(database: Database): AsyncGenerator<HeldMessage> {
  for await (const page of database.entries({ gte: HELD, lt: endOf(HELD) })) {
    const ids = page.map(([key]) => key.slice(HELD.length));
    const records = await database.getMany(ids.map(recordKey));
    for (const [index, [, value]] of page.entries()) {
      const stored = records[index];
      const entry = stored && decodeRecord(stored)?.entry;
      yield {
        dest: entry?.dest ?? UNKNOWN_DEST,
        kind: entry !== undefined && isQuarantined(entry) ? 'quarantined' : 'held',
        bytes: storedSize(value),
      };
    }
  }
}
