/**
 * How a message comes into the store: its content first or with its record, never behind it. Two
 * commits of one id follow each other; what is stored already is proven durable anew and not
 * touched. An id that is new for sure is not looked for: that costs more than the record. Mail is
 * refused for a time, before anything of it is written, when the disk is nearly full or does not keep
 * up.
 */
import { CodedError } from '../../base/errors.ts';
import type { Content } from '../../mail/content.ts';
import type { SpoolEntry } from '../../mail/spool-entry.ts';
import type { CommitOptions } from '../spool-store.ts';
import type { Database } from './database.ts';
import type { DiskWatermark } from './disk-watermark.ts';
import type { GroupCommit } from './group-commit.ts';
import { isId, PROOF_KEY, recordKey } from './keys.ts';
import { newRecord, putOps, standingOf } from './message-ops.ts';
import type { Standing } from './schedule.ts';
import type { StoredContents } from './stored-contents.ts';
import type { Tallies } from './tallies.ts';

/** Content that waits for the disk; beyond this the disk does not keep up and mail must wait. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
export interface IntakeOptions {
  readonly database: Pick<Database, 'has'>;
  readonly pump: GroupCommit;
  readonly contents: StoredContents;
  readonly tallies: Tallies;
  readonly watermark: Pick<DiskWatermark, 'admit'>;
  /** The message is on disk; called before the next batch is written. */
  readonly arrived: (standing: Standing) => void;
}

export class Intake {
  readonly #options: IntakeOptions;
  /** Commits under way, so that two of one id do not cross. */
  readonly #commits = new Map<string, Promise<void>>();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  async commit(
    entry: SpoolEntry,
    dueAt: number,
    content: Content,
    { isNew = false }: CommitOptions = {},
  ): Promise<void> {
    const { id } = entry;
    if (!isId(id)) throw new TypeError(`bad message id ${id}`);
    if (isNew) return this.#store(entry, dueAt, content);
    for (;;) {
      const other = this.#commits.get(id);
      if (other === undefined) break;
      await other.catch(() => undefined); // its own caller hears of it
    }
    const work = this.#storeOnce(entry, dueAt, content);
    this.#commits.set(id, work);
    try {
      await work;
    } finally {
      this.#commits.delete(id);
    }
  }

  async #storeOnce(entry: SpoolEntry, dueAt: number, content: Content): Promise<void> {
    const { database, pump } = this.#options;
    if (!(await database.has(recordKey(entry.id)))) return this.#store(entry, dueAt, content);
    // What is visible is durable already; a synced write proves that the store still works.
    await pump.write([{ type: 'put', key: PROOF_KEY, value: new Uint8Array() }]);
  }

  async #store(entry: SpoolEntry, dueAt: number, content: Content): Promise<void> {
    const { pump, contents, watermark, tallies, arrived } = this.#options;
    await watermark.admit(content.sizeBytes);
    if (pump.waitingBytes > MAX_WAITING_BYTES)
      throw new CodedError('STORE_FULL', 'the disk does not keep up with the mail');
    const { ops, stored } = await contents.write(entry.id, content);
    const record = newRecord(entry, dueAt, stored);
    const standing = standingOf(record);
    const counted = [tallies.change(undefined, standing)];
    await pump.write([...ops, ...putOps(record)], () => arrived(standing), counted);
  }
}
