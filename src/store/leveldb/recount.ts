/**
 * Tallies counted from the indexes: all of them for a store that another version has worked on, or
 * one where index and tally contradict each other. Records are read for held messages only, to learn
 * whose they are.
 */
import type { Database, WriteOp } from './database.ts';
import { storedSize } from './due-index.ts';
import { duePrefix, endOf, heldKey, parseDueKey, recordKey } from './keys.ts';
import { decodeRecord } from './record-codec.ts';
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
    const tally = { queued: 0, queuedBytes: 0, held: 0, heldBytes: 0 };
    counted.set(dest, tally);
    return tally;
  };
  for await (const page of database.entries({ gte: 'd!', lt: endOf('d!') }))
    for (const [key, value] of page) {
      const place = parseDueKey(key);
      if (place !== undefined) countQueued(of(place.dest), value);
    }
  for await (const [dest, value] of heldMessages(database)) countHeld(of(dest), value);
  const dests = new Set([...tallies.dests(), ...counted.keys()]);
  return [...dests].map((dest) => tallies.set(dest, of(dest)));
}

/** Sets the tally of one destination. Reads the index of what is held by all. */
export async function recount(
  database: Database,
  tallies: Tallies,
  dest: string,
): Promise<WriteOp> {
  const tally = { queued: 0, queuedBytes: 0, held: 0, heldBytes: 0 };
  const prefix = duePrefix(dest);
  for await (const page of database.entries({ gte: prefix, lt: endOf(prefix) }))
    for (const [key, value] of page) if (parseDueKey(key) !== undefined) countQueued(tally, value);
  for await (const [of, value] of heldMessages(database)) if (of === dest) countHeld(tally, value);
  return tallies.set(dest, tally);
}

async function* heldMessages(database: Database): AsyncGenerator<[dest: string, size: Uint8Array]> {
  for await (const page of database.entries({ gte: HELD, lt: endOf(HELD) })) {
    const ids = page.map(([key]) => key.slice(HELD.length));
    const records = await database.getMany(ids.map(recordKey));
    for (const [index, [, value]] of page.entries()) {
      const record = records[index];
      yield [(record && decodeRecord(record)?.entry.dest) ?? UNKNOWN_DEST, value];
    }
  }
}

function countQueued(tally: Tally, size: Uint8Array): void {
  tally.queued++;
  tally.queuedBytes += storedSize(size);
}

function countHeld(tally: Tally, size: Uint8Array): void {
  tally.held++;
  tally.heldBytes += storedSize(size);
}
