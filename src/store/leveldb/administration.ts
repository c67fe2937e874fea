/**
 * An operator's steps on messages that nobody works on. The message is locked from the first look to
 * the batch on disk. One whose record is damaged can be removed and nothing else.
 */
import type { Clock } from '../../base/clock.ts';
import { afterStep, editOf, isMeantFor } from '../admin-step.ts';
import type { AdminStep, NewMail } from '../spool-store.ts';
import type { Changes } from './changes.ts';
import { removalOf } from './damaged-messages.ts';
import type { DamagedMessages } from './damaged-messages.ts';
import type { Database } from './database.ts';
import type { GroupCommit } from './group-commit.ts';
import type { JoinedIntake, NewMessage } from './joined-intake.ts';
import { isId, storedDue } from './keys.ts';
import { standingOf } from './message-ops.ts';
import { storedEdit } from './content-edit.ts';
import type { StoredRecord } from './record-codec.ts';
import type { Records } from './records.ts';
import type { Schedule } from './schedule.ts';
import type { StoredContents } from './stored-contents.ts';
import type { Tallies } from './tallies.ts';

export interface AdministrationOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly pump: GroupCommit;
  readonly records: Records;
  readonly damaged: DamagedMessages;
  readonly schedule: () => Schedule;
  readonly contents: StoredContents;
  readonly tallies: Tallies;
  readonly changes: Changes;
  readonly joined: JoinedIntake;
}

export class Administration {
  readonly #options: AdministrationOptions;

  constructor(options: AdministrationOptions) {
    this.#options = options;
  }

  async take(id: string, step: AdminStep, mail: readonly NewMail[]): Promise<boolean> {
    const { pump, records, joined } = this.#options;
    const schedule = this.#options.schedule();
    if (!isId(id) || !schedule.lock(id)) return false;
    try {
      // Between batches, so that the record is the one the schedule knows of.
      const [before] = await pump.exclusive(() => records.getMany([id]));
      if (before === undefined) return false;
      if (before !== 'damaged') {
        if (!isMeantFor(before, step)) return false;
        const [messages = []] = await joined.prepare([mail]);
        await this.#change(before, step, messages);
      } else if (step.kind === 'remove') await this.#removeDamaged(id);
      else return false;
      return true;
    } finally {
      schedule.unlock(id);
    }
  }

  async #change(
    before: StoredRecord,
    step: AdminStep,
    joined: readonly NewMessage[],
  ): Promise<void> {
    const { clock, changes } = this.#options;
    const schedule = this.#options.schedule();
    const old = standingOf(before);
    const { content } = before;
    const after = afterStep(before, step, storedDue(clock.now()));
    const edit = editOf(before, step);
    const read = edit === undefined ? content : { ...content, edit: storedEdit(edit) };
    const record = after && { ...after, content: read };
    await changes.write([{ old, content, record, joined }], () => schedule.unlock(old.id));
  }

  async #removeDamaged(id: string): Promise<void> {
    const { database, pump, damaged, contents, tallies } = this.#options;
    const schedule = this.#options.schedule();
    const { ops, standing } = await removalOf(database, id);
    const applied = () => {
      schedule.unlock(id);
      if (standing !== undefined) schedule.left(standing);
      contents.removedDamaged(id);
      damaged.forget(id);
    };
    await pump.write(ops, applied, [tallies.change(standing, undefined)]);
  }
}
