/**
 * Changes of messages that are in the spool: each becomes another record or goes with its content,
 * several in one batch. When the batch is on disk, schedule and contents follow.
 */
import type { Compaction } from './compaction.ts';
import type { GroupCommit } from './group-commit.ts';
import { removeOps, replaceOps, standingOf } from './message-ops.ts';
import type { NewMessage } from './joined-intake.ts';
import type { StoredContent, StoredRecord } from './record-codec.ts';
import type { Schedule, Standing } from './schedule.ts';
import type { StoredContents } from './stored-contents.ts';
import type { Tallies } from './tallies.ts';

export interface Change {
  readonly old: Standing;
  readonly content: StoredContent;
  /** What it becomes; undefined when it goes. */
  readonly record: StoredRecord | undefined;
  /** What comes into the spool with it. */
  readonly joined?: readonly NewMessage[];
}

/** About what a record and its index entries take on disk, for the count of dead bytes. */
const RECORD_BYTES = 1024;

export interface ChangesOptions {
  readonly pump: GroupCommit;
  readonly tallies: Tallies;
  readonly schedule: () => Schedule;
  readonly contents: StoredContents;
  readonly compaction: Compaction;
}

export class Changes {
  readonly #options: ChangesOptions;

  constructor(options: ChangesOptions) {
    this.#options = options;
  }

  /** `applied` runs first of all when it is on disk. */
  write(changes: readonly Change[], applied: () => void): Promise<void> {
    const { pump, tallies } = this.#options;
    const ops = changes.flatMap(({ old, content, record, joined = [] }) => [
      ...joined.flatMap((message) => message.ops),
      ...(record === undefined ? removeOps(old, content) : replaceOps(old, record)),
    ]);
    const counted = changes.flatMap(({ old, record, joined = [] }) => [
      ...joined.map((message) => tallies.change(undefined, standingOf(message.record))),
      tallies.change(old, record && standingOf(record)),
    ]);
    const follow = () => {
      applied();
      for (const change of changes) this.#follow(change);
    };
    return pump.write(ops, follow, counted);
  }

  #follow({ old, content, record, joined = [] }: Change): void {
    const { schedule, contents, compaction } = this.#options;
    schedule().left(old);
    for (const message of joined) schedule().arrived(standingOf(message.record));
    if (record !== undefined) schedule().arrived(standingOf(record));
    else contents.removed(old.id, content);
    compaction.note(RECORD_BYTES);
  }
}
