/**
 * Messages that come into the spool with a step on another one, in the same batch: parts that take
 * recipients from it, reports about it. So nobody is in both or in neither, and nobody is told twice or
 * never, whenever the process dies. Contents that lie in files are on disk before; files of a batch
 * that never came are swept at the next start.
 */
import type { SpoolEntry } from '../../mail/spool-entry.ts';
import type { Held, NewMail } from '../spool-store.ts';
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
  readonly mail: readonly NewMail[] | undefined;
}

export interface JoinedIntakeOptions {
  readonly database: Pick<Database, 'has'>;
  readonly contents: StoredContents;
  readonly watermark: Pick<DiskWatermark, 'admit'>;
}

export class JoinedIntake {
  readonly #options: JoinedIntakeOptions;

  constructor(options: JoinedIntakeOptions) {
    this.#options = options;
  }

  /** For each step its messages. Rejects with nothing left behind when there is no room or a content cannot be read. */
  async prepare(steps: readonly (readonly NewMail[])[]): Promise<NewMessage[][]> {
    const made: NewMessage[][] = [];
    try {
      for (const mail of steps) made.push(await this.#messagesOf(mail));
    } catch (error) {
      this.drop(made.flat());
      throw error;
    }
    return made;
  }

  async #messagesOf(mail: readonly NewMail[]): Promise<NewMessage[]> {
    if (mail.length === 0) return [];
    const { database, contents, watermark } = this.#options;
    await watermark.admit(mail.reduce((sum, { content }) => sum + content.sizeBytes, 0));
    const made: NewMessage[] = [];
    try {
      for (const { entry, dueAt, content } of mail) {
        if (!isId(entry.id)) throw new TypeError(`bad message id ${entry.id}`);
        // Of a version that stored it ahead of the step: it is there already.
        if (await database.has(recordKey(entry.id))) continue;
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
