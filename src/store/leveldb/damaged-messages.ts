/**
 * Messages whose record was found damaged: who they are, and how one is removed of which nothing is
 * known but its id. Its place in the index and its content are searched for; the tallies are counted
 * anew at the next start, for whose it was cannot always be told.
 */
import type { Database, WriteOp } from './database.ts';
import { storedSize } from './due-index.ts';
import { endOf, heldKey, parseDueKey, partsPrefix, recordKey, TALLIED_KEY } from './keys.ts';
import { indexKey } from './message-ops.ts';
import type { Standing } from './schedule.ts';

/** More are still logged and left in peace, but not listed. */
const MAX_LISTED = 10_000;

export class DamagedMessages {
  readonly #ids = new Set<string>();

  /** Says whether it is news. */
  note(id: string): boolean {
    if (this.#ids.has(id)) return false;
    if (this.#ids.size < MAX_LISTED) this.#ids.add(id);
    return true;
  }

  forget(id: string): void {
    this.#ids.delete(id);
  }

  list(): string[] {
    return [...this.#ids].toSorted();
  }
}

export interface Removal {
  readonly ops: readonly WriteOp[];
  /** Where it waited, if it did. */
  readonly standing: Standing | undefined;
}

/** Reads the whole index of what waits: nobody may move the message meanwhile. */
export async function removalOf(database: Database, id: string): Promise<Removal> {
  const standing = await standingIn(database, id);
  const keys = [recordKey(id), heldKey(id)];
  if (standing !== undefined) keys.push(indexKey(standing));
  const prefix = partsPrefix(id);
  for await (const page of database.keys({ gte: prefix, lt: endOf(prefix) })) keys.push(...page);
  const ops = keys.map((key): WriteOp => ({ type: 'del', key }));
  ops.push({ type: 'del', key: TALLIED_KEY });
  return { ops, standing };
}

async function standingIn(database: Database, id: string): Promise<Standing | undefined> {
  for await (const page of database.entries({ gte: 'd!', lt: endOf('d!') }))
    for (const [key, value] of page) {
      if (!key.endsWith(`!${id}`)) continue;
      const place = parseDueKey(key);
      if (place?.id === id) return { ...place, bytes: storedSize(value) };
    }
  return undefined;
}
