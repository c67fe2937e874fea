/** What a message is in the database, as batch operations: its record, its index entry, its parts. */
import type { SpoolEntry } from '../../mail/spool-entry.ts';
import { isQuarantined } from '../../mail/spool-entry.ts';
import { partDeletions } from './content-parts.ts';
import type { WriteOp } from './database.ts';
import { dueKey, heldKey, recordKey, storedDue } from './keys.ts';
import { encodeRecord } from './record-codec.ts';
import type { StoredContent, StoredRecord } from './record-codec.ts';
import type { Standing } from './schedule.ts';

export function newRecord(entry: SpoolEntry, dueAt: number, content: StoredContent): StoredRecord {
  return { entry, dueAt: entry.hold === undefined ? storedDue(dueAt) : undefined, content };
}

export function standingOf({ entry, dueAt, content }: StoredRecord): Standing {
  const { id, dest } = entry;
  return { id, dest, dueAt, bytes: content.bytes, isQuarantined: isQuarantined(entry) };
}

/** Record and index entry of a message that is new, or whose old index entry goes in the same batch. */
export function putOps(record: StoredRecord): WriteOp[] {
  const standing = standingOf(record);
  return [
    { type: 'put', key: recordKey(standing.id), value: encodeRecord(record) },
    { type: 'put', key: indexKey(standing), value: Buffer.from(String(standing.bytes)) },
  ];
}

/** Replaces a message: the old index entry goes first, for the new one may have the same key. */
export function replaceOps(old: Standing, record: StoredRecord): WriteOp[] {
  return [{ type: 'del', key: indexKey(old) }, ...putOps(record)];
}

export function removeOps(old: Standing, content: StoredContent): WriteOp[] {
  return [
    { type: 'del', key: recordKey(old.id) },
    { type: 'del', key: indexKey(old) },
    ...partDeletions(old.id, content),
  ];
}

export function indexKey({ id, dest, dueAt }: Standing): string {
  return dueAt === undefined ? heldKey(id) : dueKey(dest, { dueAt, id });
}
