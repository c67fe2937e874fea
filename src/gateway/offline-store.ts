/**
 * What the command line does with the store of a gateway that does not run: look, repair, read
 * messages out. In words and rows; which engine it is, nobody there knows.
 */
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { messageRow } from '../control/rows.ts';
import type { Row } from '../control/rows.ts';
import type { Finding } from '../store/leveldb/inspection.ts';
import { inspect } from '../store/leveldb/inspection.ts';
import { lockHolder } from '../store/leveldb/lock-holder.ts';
import { allRecords, openOffline, repairOffline } from '../store/leveldb/offline.ts';

const STORE = 'store';

export interface StoreReport {
  /** Messages that are whole and in their place. */
  readonly messages: number;
  /** Why the store itself cannot be used; what was told was found in a repaired copy. */
  readonly damage: string | undefined;
  /** A gateway may start on it, for not all of it is read then. */
  readonly opens: boolean;
}

export type Told = (row: Row) => Promise<void>;

/** Tells each finding; changes nothing. */
export async function checkStore(data: string, clock: Clock, tell: Told): Promise<StoreReport> {
  const store = await openOffline(join(data, STORE), clock);
  try {
    let messages = 0;
    for await (const finding of inspect(store, () => messages++)) await tell(findingRow(finding));
    return { messages, damage: store.damage, opens: store.opens };
  } finally {
    await store.close();
  }
}

/** The process that has the store open, where the system tells; this one never opens it for that. */
export function storeHolder(data: string): Promise<number | undefined> {
  return lockHolder(join(data, STORE, 'LOCK'));
}

export interface RepairReport {
  readonly messages: number;
  /** LevelDB had to repair its files. */
  readonly wasRebuilt: boolean;
  /** The folder with the store as it was. */
  readonly before: string;
}

export function repairStore(data: string, clock: Clock, tell: Told): Promise<RepairReport> {
  return repairOffline(join(data, STORE), clock, (finding) => tell(findingRow(finding)));
}

export interface StoredMessage {
  readonly id: string;
  readonly row: Row;
  readonly content: () => AsyncIterable<Uint8Array>;
}

/** Calls `take` for each message whose record can be read; says why it is a repaired copy. */
export async function readStore(
  data: string,
  clock: Clock,
  take: (message: StoredMessage) => Promise<void>,
): Promise<string | undefined> {
  const store = await openOffline(join(data, STORE), clock);
  try {
    for await (const record of allRecords(store)) {
      const { entry, dueAt, content } = record;
      const { id } = entry;
      const row = messageRow({ entry, dueAt, active: false }, undefined);
      await take({ id, row, content: () => store.contents.read(id, content) });
    }
    return store.damage;
  } finally {
    await store.close();
  }
}

/** What each finding means, and what `repair` does about it. */
const MEANING: Readonly<Record<Finding['kind'], string>> = {
  'damaged-record': 'its record cannot be read; sluice queue delete removes it',
  'damaged-content': 'its content is not whole; repair holds it',
  'lost-place': 'it would never be tried; repair puts it back into the queue',
  'stray-place': 'an entry of the index without a message; repair removes it',
  'stray-part': 'content without a message; repair removes it',
  'stray-file': 'content without a message; repair removes it',
  'wrong-tally': 'the count of a destination is wrong; it is counted anew',
};

/** Repaired before, or held by a person: there is no more to do than to let it go. */
const HELD_CONTENT = 'its content is not whole; it is held, and can be deleted';

function meaningOf(finding: Finding): string {
  const isHeld = finding.kind === 'damaged-content' && finding.record.entry.hold !== undefined;
  return isHeld ? HELD_CONTENT : MEANING[finding.kind];
}

function findingRow(finding: Finding): Row {
  const about = 'id' in finding ? finding.id : 'key' in finding ? finding.key : finding.dest;
  return { v: 1, kind: 'finding', what: finding.kind, about, text: meaningOf(finding) };
}
