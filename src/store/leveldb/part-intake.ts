/**
 * Parts of a message that become messages of their own, in the batch that takes their recipients from
 * it: so nobody is in both or in neither, whenever the process dies. Contents that lie in files are
 * on disk before; files of a batch that never came are swept at the next start.
 */
import type { SpoolEntry } from '../../mail/spool-entry.ts';
import type { Held, SpoolStep } from '../spool-store.ts';
import type { Database, WriteOp } from './database.ts';
import type { DiskWatermark } from './disk-watermark.ts';
import { isId, recordKey } from './keys.ts';
import { newRecord, putOps } from './message-ops.ts';
import type { StoredRecord } from './record-codec.ts';
import type { StoredContents } from './stored-contents.ts';

export interface NewMessage {
  readonly record: StoredRecord;
  readonly ops: readonly WriteOp[];
}

/** How a lease ends: the message becomes another, or goes. */
export interface LeaseEnd {
  readonly held: Held;
  readonly next?: { readonly entry: SpoolEntry; readonly dueAt: number };
  readonly parts?: readonly NewMessage[];
}

export function leaseEnd({ held, entry, dueAt }: SpoolStep): LeaseEnd {
  return { held, next: { entry, dueAt } };
}

export interface PartIntakeOptions {
  readonly database: Pick<Database, 'has'>;
  readonly contents: StoredContents;
  readonly watermark: Pick<DiskWatermark, 'admit'>;
}

export class PartIntake {
  readonly #options: PartIntakeOptions;

  constructor(options: PartIntakeOptions) {
    this.#options = options;
  }

  /** Rejects with nothing left behind when there is no room or the content cannot be read. */
  async prepare(steps: readonly SpoolStep[]): Promise<LeaseEnd[]> {
    const ends: LeaseEnd[] = [];
    try {
      for (const step of steps) ends.push({ ...leaseEnd(step), parts: await this.#partsOf(step) });
    } catch (error) {
      for (const { parts } of ends) this.drop(parts ?? []);
      throw error;
    }
    return ends;
  }

  async #partsOf({ parts, dueAt }: SpoolStep): Promise<NewMessage[]> {
    if (parts === undefined) return [];
    const { database, contents, watermark } = this.#options;
    const { content, entries } = parts;
    await watermark.admit(content.sizeBytes * entries.length);
    const made: NewMessage[] = [];
    try {
      for (const entry of entries) {
        if (!isId(entry.id)) throw new TypeError(`bad message id ${entry.id}`);
        // Of a version that stored parts ahead of the step: it is there already.
        if (database.has(recordKey(entry.id))) continue;
        const { ops, stored } = await contents.write(entry.id, content);
        const record = newRecord(entry, dueAt, stored);
        made.push({ record, ops: [...ops, ...putOps(record)] });
      }
    } catch (error) {
      this.drop(made);
      throw error;
    }
    return made;
  }

  /** They are not written after all. */
  drop(messages: readonly NewMessage[]): void {
    for (const { record } of messages)
      this.#options.contents.neverWritten(record.entry.id, record.content);
  }
}
