/**
 * What waits to be written to the records: appends in groups, one at a time, and never lets mail
 * wait. A store that fails is closed and opened again after a while; what cannot be kept meanwhile
 * is the oldest, and it is counted. The bounds hold in memory; nothing here survives the process.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { RepeatedEvent } from '../base/repeated-event.ts';
import type { RecordSegment, RecordStore } from '../store/record-store.ts';

export interface OutboxOptions {
  readonly clock: Clock;
  readonly log: Log;
}

export interface OutboxCounts {
  readonly waiting: number;
  readonly written: number;
  readonly lost: number;
  readonly isUp: boolean;
}

/** Small, so that the event loop is never held up for long. */
const GROUP = 64;
const MAX_WAITING = 50_000;
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;

const NOT_OPEN = new CodedError('STOPPING', 'the records are not open');

interface Waiter {
  readonly goal: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export class Outbox {
  readonly #clock: Clock;
  readonly #log: Log;
  #waiting: RecordSegment[] = [];
  #waitingBytes = 0;
  #open: (() => Promise<RecordStore>) | undefined;
  #store: RecordStore | undefined;
  #pump: Promise<void> | undefined;
  readonly #stopping = new AbortController();
  #isUp = true;
  #failure: unknown;
  #written = 0;
  #lost = 0;
  readonly #losses: RepeatedEvent;
  /** Why nothing is taken for the time being. */
  #full: string | undefined;
  /** Segments that have left `#waiting`. */
  #passed = 0;
  #waiters: Waiter[] = [];
  #change: ((segment: RecordSegment) => RecordSegment) | undefined;

  constructor({ clock, log }: OutboxOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#losses = new RepeatedEvent('records.lost', { clock, log });
  }

  get counts(): OutboxCounts {
    const { length } = this.#waiting;
    return { waiting: length, written: this.#written, lost: this.#lost, isUp: this.#isUp };
  }

  /** The store, while it is open. */
  get store(): RecordStore | undefined {
    return this.#store;
  }

  /** From here on what waits is written; `change` gives a segment the form that its day has. */
  start(open: () => Promise<RecordStore>, change: (segment: RecordSegment) => RecordSegment): void {
    this.#open = open;
    this.#change = change;
    void this.#run(); // never rejects
  }

  push(segment: RecordSegment): void {
    if (this.#full !== undefined) {
      this.#lose(1, this.#full);
      return;
    }
    this.#waiting.push(segment);
    this.#waitingBytes += segment.bytes.length;
    if (this.#waiting.length > MAX_WAITING || this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#forgetOldest();
    }
    void this.#run(); // never rejects
  }

  /** While there is a reason, nothing is taken and everything counts as lost. */
  setFull(reason: string | undefined): void {
    this.#full = reason;
  }

  /** Resolves when what waits now is written; rejects when it cannot be. */
  async flush(): Promise<RecordStore> {
    if (!this.#isUp) throw this.#failure;
    const goal = this.#passed + this.#waiting.length;
    if (this.#store === undefined || this.#passed < goal) {
      void this.#run(); // never rejects
      await new Promise<void>((resolve, reject) => {
        this.#waiters.push({ goal, resolve, reject });
        if (this.#pump === undefined) this.#settle(this.#failure ?? NOT_OPEN);
      });
    }
    if (this.#store === undefined) throw NOT_OPEN;
    return this.#store;
  }

  /** Writes what waits, if the store is well, and closes it. */
  async stop(): Promise<void> {
    if (this.#isUp) await this.flush().catch(() => undefined);
    this.#stopping.abort(new CodedError('STOPPING', 'the records are closed'));
    await this.#pump;
    this.#settle(NOT_OPEN);
    await this.#close();
    this.#losses.stop();
  }

  #run(): Promise<void> {
    if (this.#open === undefined || this.#stopping.signal.aborted) return Promise.resolve();
    this.#pump ??= this.#work(this.#open).finally(() => {
      this.#pump = undefined;
    });
    return this.#pump;
  }

  /** Never rejects. */
  async #work(open: () => Promise<RecordStore>): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    do {
      try {
        this.#store ??= await open();
        await this.#writeNext(this.#store);
        this.#wentWell();
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        this.#failed(error);
        await this.#close();
        const wait = this.#clock.sleep(retryMs, this.#stopping.signal);
        if (!(await wait.then(() => true).catch(() => false))) return;
        retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
      }
    } while (this.#waiting.length > 0 && !this.#stopping.signal.aborted);
  }

  async #writeNext(store: RecordStore): Promise<void> {
    const group = this.#waiting.slice(0, GROUP);
    if (group.length === 0) return;
    const change = this.#change;
    await store.append(change === undefined ? group : group.map(change));
    // Meanwhile the oldest may have been given up.
    const written = this.#waiting[0] === group[0] ? group.length : 0;
    this.#remove(written);
    this.#written += group.length;
  }

  #remove(count: number): void {
    const gone = this.#waiting.splice(0, count);
    for (const { bytes } of gone) this.#waitingBytes -= bytes.length;
    this.#passed += gone.length;
  }

  /** Tells those whose segments are through; with a reason, all the others that there is no hope. */
  #settle(reason?: unknown): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      if (waiter.goal <= this.#passed && this.#store !== undefined) waiter.resolve();
      else if (reason !== undefined) waiter.reject(reason);
      else this.#waiters.push(waiter);
    }
  }

  #wentWell(): void {
    this.#settle();
    if (this.#isUp) return;
    this.#isUp = true;
    this.#log.emit('records.up');
  }

  #failed(error: unknown): void {
    this.#failure = error;
    this.#settle(error);
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#log.emit('records.down', { text: errorText(error) });
  }

  async #close(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    // It failed already; that it cannot be closed says nothing new.
    await store?.close().catch(() => undefined);
  }

  #forgetOldest(): void {
    const before = this.#passed;
    this.#remove(Math.ceil(this.#waiting.length / 8));
    this.#lose(this.#passed - before, 'overflow');
  }

  #lose(count: number, why: string): void {
    this.#lost += count;
    this.#losses.tell({ why }, count);
  }
}
