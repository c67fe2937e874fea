/**
 * A store that no gateway uses, for looking at it, exporting from it and repairing it. One that
 * LevelDB cannot open or read is looked at in a copy, which LevelDB repairs. The copy is made of links,
 * for LevelDB never writes into a file that is there: it costs no space, and the store stays as it is,
 * but that LevelDB, where it can open it, takes its log over as at every start. A store in use is refused with STORE_LOCKED.
 */
import { access, link, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { Clock } from '../../base/clock.ts';
import { CodedError, errorText } from '../../base/errors.ts';
import { ContentFiles } from './content-files.ts';
import { openDatabase } from './database.ts';
import type { Database } from './database.ts';
import { guard } from './guard.ts';
import { inspect } from './inspection.ts';
import type { Finding } from './inspection.ts';
import { proveLogs } from './log-proof.ts';
import { mend } from './mend.ts';
import type { StoredRecord } from './record-codec.ts';
import { Records } from './records.ts';
import { StoredContents } from './stored-contents.ts';

export interface OfflineStore {
  readonly database: Database;
  readonly contents: StoredContents;
  readonly files: ContentFiles;
  readonly records: Records;
  /** Why it is a repaired copy; undefined when it is the store itself. */
  readonly damage: string | undefined;
  /** LevelDB opens it, whatever it cannot read of it then. */
  readonly opens: boolean;
  readonly close: () => Promise<void>;
}

/** LevelDB's lock is its own in each folder; a link to it would be the same lock. */
const NOT_COPIED: ReadonlySet<string> = new Set(['LOCK', 'lost']);

export async function openOffline(folder: string, clock: Clock): Promise<OfflineStore> {
  try {
    await mustExist(folder);
    const { damage, ...store } = await openThrough(folder, clock);
    if (damage === undefined) return { ...store, damage };
    await store.close();
    return { ...(await openCopy(folder, clock, damage)), opens: true };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { ...(await openCopy(folder, clock, errorText(error))), opens: false };
  }
}

/**
 * Lets LevelDB repair what it cannot open or read, then mends what does not fit together. The store as
 * it was stays beside it; returns where. `onFinding` hears of each thing that was mended.
 */
export async function repairOffline(
  folder: string,
  clock: Clock,
  onFinding: (finding: Finding) => Promise<void>,
): Promise<{ readonly before: string; readonly messages: number; readonly wasRebuilt: boolean }> {
  await mustExist(folder);
  const damage = await damageOf(folder, clock);
  const before = await freeName(`${folder}.before-repair`);
  await linkCopy(folder, before);
  if (damage !== undefined) await rebuild(folder);
  const store = await openPlain(folder, clock);
  try {
    let messages = 0;
    const found: Finding[] = [];
    for await (const finding of inspect(store, () => messages++)) {
      await onFinding(finding);
      found.push(finding);
    }
    for (const finding of found) await mend({ ...store, now: clock.now() }, finding);
    return { before, messages, wasRebuilt: damage !== undefined };
  } finally {
    await store.close();
  }
}

async function damageOf(folder: string, clock: Clock): Promise<string | undefined> {
  try {
    const store = await openThrough(folder, clock);
    await store.close();
    return store.damage;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return errorText(error);
  }
}

/** Opened and read from end to end; with `damage`, that was not possible. */
async function openThrough(folder: string, clock: Clock): Promise<OfflineStore> {
  await proveLogs(folder);
  const store = await openPlain(folder, clock);
  try {
    for await (const _page of store.database.entries({ gte: 'a', lt: 'z' }));
    return store;
  } catch (error) {
    return { ...store, damage: errorText(error) };
  }
}

async function openCopy(folder: string, clock: Clock, damage: string): Promise<OfflineStore> {
  const copy = await mkdtemp(join(dirname(folder), 'store.salvage-'));
  try {
    await linkCopy(folder, copy);
    await rebuild(copy);
    const store = await openPlain(copy, clock);
    const close = async () => {
      await store.close();
      await rm(copy, { recursive: true });
    };
    return { ...store, damage, close };
  } catch (error) {
    await rm(copy, { recursive: true, force: true });
    throw error;
  }
}

async function openPlain(folder: string, clock: Clock): Promise<OfflineStore> {
  const database = await openDatabase(folder);
  const guarded = guard(database, { clock, onFailure: () => undefined });
  const files = new ContentFiles({ folder: join(folder, 'content'), clock, database: guarded });
  await files.open();
  const contents = new StoredContents(database, files, () => undefined);
  const records = new Records(database, () => undefined);
  const close = () => database.close();
  return { database, contents, files, records, damage: undefined, opens: true, close };
}

async function rebuild(folder: string): Promise<void> {
  try {
    await ClassicLevel.repair(folder);
  } catch (error) {
    const text = `store ${folder} cannot be repaired: ${errorText(error)}`;
    throw new CodedError('STORE_DAMAGED', text, { cause: error });
  }
}

async function linkCopy(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (NOT_COPIED.has(entry.name)) continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await linkCopy(source, target);
    else await link(source, target);
  }
}

async function mustExist(folder: string): Promise<void> {
  try {
    await access(folder);
  } catch (cause) {
    throw new CodedError('STORE_FAILED', `there is no store at ${folder}`, { cause });
  }
}

async function freeName(name: string): Promise<string> {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}-${n}`;
    try {
      await access(candidate);
    } catch {
      return candidate; // nothing is there
    }
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'STORE_DAMAGED';
}

/** All messages whose record can be read, in id order. */
export async function* allRecords({ records }: OfflineStore): AsyncGenerator<StoredRecord> {
  for (let after = ''; ;) {
    const page = await records.page({ after, limit: 500 });
    yield* page;
    const last = page.at(-1)?.entry.id;
    if (last === undefined) return;
    after = last;
  }
}
