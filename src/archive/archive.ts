/**
 * Every message of the senders whose account wants it, kept whole with its envelope for a set time:
 * found, looked at, sent once more. It is on the disk before its sender hears that it was taken; what
 * is not taken after all goes again. The index is made from the files and can be made anew: what a
 * crash kept out of it is put in at the next start.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { DISK_DEADLINE_MS, withDeadline } from '../base/deadline.ts';
import { endOfDay } from '../base/days.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { RepeatedEvent } from '../base/repeated-event.ts';
import { sessionOf } from '../base/ids.ts';
import type { Archived, ArchiveQuery } from '../mail/archived-mail.ts';
import type { Content } from '../mail/content.ts';
import type { RecordStore } from '../store/record-store.ts';
import type { ArchiveFiles } from './archive-files.ts';
import { conditionsOf, isMeant, termsOf } from './terms.ts';

export interface ArchiveOptions {
  readonly files: ArchiveFiles;
  /** Opened when somebody needs it. */
  readonly openIndex: () => Promise<RecordStore>;
  readonly keepMs: () => number;
  /** Rejects when so many bytes may not be written. */
  readonly admit: (bytes: number) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A message that is on the disk and not taken yet. */
export interface Kept {
  taken(): Promise<void>;
  dropped(): Promise<void>;
}

const ROUND_MS = 3_600_000;
const FIRST_MS = 5000;
/** Days whose files are held against the index at the start; a crash is never longer ago. */
const LOOKED_AT = 2;

export class Archive {
  readonly #options: ArchiveOptions;
  readonly #faults: RepeatedEvent;
  #index: Promise<RecordStore> | undefined;
  #timer: Timer | undefined;
  #round: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: ArchiveOptions) {
    this.#options = options;
    this.#faults = new RepeatedEvent('archive.error', options);
  }

  start(): void {
    this.#in(FIRST_MS, () => this.#mend());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.stop();
    await this.#round;
    await this.#index?.then((index) => index.close()).catch(() => undefined);
    this.#faults.stop();
  }

  /** `failed`: it cannot be kept, so it must not be taken. */
  async keep(mail: Archived, content: Content): Promise<Kept | 'failed'> {
    const { files, admit } = this.#options;
    const failed = (error: unknown) => this.#faults.tell({ id: mail.id, err: errorText(error) });
    try {
      await admit(mail.size);
      await this.#write(mail, content);
    } catch (error) {
      failed(error);
      return 'failed';
    }
    return {
      taken: () => this.#inTime(this.#note(mail)).catch(failed),
      dropped: () => this.#inTime(files.remove(mail.id)).catch(failed),
    };
  }

  /** Newest first. */
  async *search(query: ArchiveQuery): AsyncGenerator<Archived> {
    const index = await this.#opened();
    const { since, until } = query;
    const found = index.search({
      conditions: () => conditionsOf(query),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
    });
    for await (const { segments } of found) {
      const mail = archivedIn(segments);
      if (mail !== undefined && isMeant(mail, query)) yield mail;
    }
  }

  find(id: string): Promise<Archived | undefined> {
    return this.#options.files.envelope(id);
  }

  content(id: string): AsyncIterable<Uint8Array> {
    return this.#options.files.content(id);
  }

  #in(ms: number, work: () => Promise<void>): void {
    const { clock, log } = this.#options;
    this.#timer = clock.timer(ms, () => {
      this.#round = work()
        .then(() => this.#expire())
        .catch((error: unknown) => log.emit('archive.error', { err: errorText(error) }))
        .then(() => {
          if (!this.#isStopped) this.#in(ROUND_MS, async () => undefined);
        });
    });
  }

  async #write(mail: Archived, content: Content): Promise<void> {
    const { files } = this.#options;
    const writing = files.write(mail, content);
    try {
      await this.#inTime(writing);
    } catch (error) {
      // A disk that is full shall not be kept full by what was not taken; one that stands still may
      // write it after all.
      const remove = () => files.remove(mail.id);
      writing.then(remove, remove).catch(() => undefined);
      throw error;
    }
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    return withDeadline(this.#options.clock, DISK_DEADLINE_MS, 'archive', () => work);
  }

  /** What was taken right before a crash may not be in the index. */
  async #mend(): Promise<void> {
    const { files } = this.#options;
    for (const day of (await files.days()).slice(-LOOKED_AT)) {
      for (const id of await files.ids(day)) {
        if (this.#isStopped) return;
        const index = await this.#opened();
        const known = await index.session(sessionOf(id), 1000);
        if (known.some((record) => record.id === id)) continue;
        const mail = await files.envelope(id);
        if (mail !== undefined) await this.#note(mail);
      }
    }
  }

  async #expire(): Promise<void> {
    const { files, clock, keepMs, log } = this.#options;
    for (const day of await files.days()) {
      if (this.#isStopped || endOfDay(day) + keepMs() > clock.now()) return;
      // The index first: what is found must be there.
      await (await this.#opened()).drop(day);
      await files.drop(day);
      log.emit('archive.expire', { day });
    }
  }

  async #note(mail: Archived): Promise<void> {
    const index = await this.#opened();
    const bytes = Buffer.from(JSON.stringify(mail));
    const { id, at } = mail;
    await index.append([{ id, at, place: 'whole', bytes, terms: termsOf(mail), revoked: [] }]);
  }

  #opened(): Promise<RecordStore> {
    this.#index ??= this.#options.openIndex().catch((error: unknown) => {
      this.#index = undefined; // the next one tries again
      throw error;
    });
    return this.#index;
  }
}

function archivedIn([bytes]: readonly Uint8Array[]): Archived | undefined {
  return bytes && (JSON.parse(Buffer.from(bytes).toString()) as Archived); // our own
}
