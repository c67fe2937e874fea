/**
 * Puts a store in order that was found to be in disorder: a message that no claim would find gets its
 * place again, one with damaged content is held, what belongs to no message is removed, tallies are
 * counted anew at the next start. Damaged records stay: they can be listed and removed by a person.
 */
import type { ContentFiles } from './content-files.ts';
import type { Database, WriteOp } from './database.ts';
import type { Finding } from './inspection.ts';
import { TALLIED_KEY } from './keys.ts';
import { indexKey, putOps, standingOf } from './message-ops.ts';
import type { StoredRecord } from './record-codec.ts';

export interface MendOptions {
  readonly database: Database;
  readonly files: Pick<ContentFiles, 'remove'>;
  readonly now: number;
}

/** In one synced batch for each finding: what is broken off half-way is half mended. */
export async function mend(options: MendOptions, finding: Finding): Promise<void> {
  const { database, files } = options;
  if (finding.kind === 'stray-file') {
    files.remove(finding.id);
    return;
  }
  const ops = [...opsFor(options, finding), { type: 'del', key: TALLIED_KEY } as const];
  await database.batch(ops, { sync: true });
}

function opsFor({ now }: MendOptions, finding: Finding): WriteOp[] {
  switch (finding.kind) {
    case 'lost-place':
      return putOps(finding.record);
    case 'damaged-content':
      return heldOps(finding.record, now);
    case 'stray-place':
    case 'stray-part':
      return [{ type: 'del', key: finding.key }];
    case 'damaged-record':
    case 'wrong-tally':
    case 'stray-file':
      return [];
    default:
      return finding satisfies never;
  }
}

function heldOps(record: StoredRecord, now: number): WriteOp[] {
  if (record.entry.hold !== undefined) return [];
  const text = 'its stored content is damaged';
  const hold = { by: 'gateway', at: now, reason: 'damaged', text } as const;
  const held = { ...record, entry: { ...record.entry, hold }, dueAt: undefined };
  return [{ type: 'del', key: indexKey(standingOf(record)) }, ...putOps(held)];
}
