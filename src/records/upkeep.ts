/**
 * The upkeep of the records, a round a minute: days that are too old go, the oldest ones also when
 * all together are too large, and addresses become pseudonyms at their age. A day of more than all
 * the room takes no more, and so does a disk that has hardly any left: mail comes first. A round
 * that fails is told and tried again.
 */
import type { Clock } from '../base/clock.ts';
import { dayOf, endOfDay } from '../base/days.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { RecordDay, RecordSegment, RecordStore } from '../store/record-store.ts';
import type { Outbox } from './outbox.ts';
import { PseudonymKeys } from './pseudonym-keys.ts';
import type { Pseudonym } from './pseudonyms.ts';
import { pseudonymWith, withPseudonyms } from './pseudonyms.ts';
import { decode } from './recorded-events.ts';
import { segmentOf } from './segment.ts';

export interface RecordsPolicy {
  readonly keepMs: number;
  readonly maxBytes: number;
  /** Undefined: addresses stay as they are. */
  readonly pseudonymiseAfterMs: number | undefined;
}

export interface UpkeepOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly outbox: Pick<Outbox, 'store' | 'setFull'>;
  readonly keys: PseudonymKeys;
  /** As in force now. */
  readonly policy: () => RecordsPolicy;
  /** The disk has too little room for anything but mail. */
  readonly isDiskLow: () => Promise<boolean>;
}

export interface RecordsLevels {
  readonly bytes: number;
  readonly days: number;
}

const FIRST_ROUND_MS = 2000;
const ROUND_MS = 60_000;
/** Between the steps of a rewrite: at most a fifth of the time is spent on them. */
const REST_MS = 40;
const PSEUDONYMS = 'pseudonyms';

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #stopping = new AbortController();
  /** Days whose segments get pseudonyms. */
  readonly #hidden = new Set<string>();
  #levels: RecordsLevels = { bytes: 0, days: 0 };
  #running: Promise<void> | undefined;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  get levels(): RecordsLevels {
    return this.#levels;
  }

  start(): void {
    this.#running = this.#rounds();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** The pseudonyms of a day, when its key is there. */
  pseudonyms(day: string): Pseudonym | undefined {
    const key = this.#options.keys.of(day);
    return key === undefined ? undefined : pseudonymWith(key);
  }

  /** A segment in the form that its day has. */
  formed(segment: RecordSegment): RecordSegment {
    if (this.#hidden.size === 0) return segment;
    const day = dayOf(segment.id);
    const pseudonym = this.#hidden.has(day) ? this.pseudonyms(day) : undefined;
    return pseudonym === undefined ? segment : (changed(segment, pseudonym) ?? segment);
  }

  /** Days that were made pseudonymous by processes before; to be known before anything is written. */
  async learn(store: RecordStore): Promise<void> {
    for (const { day, rewritten } of await store.days()) {
      if (rewritten !== undefined) this.#hidden.add(day);
    }
  }

  async #rounds(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    let waitMs = FIRST_ROUND_MS;
    for (;;) {
      try {
        await clock.sleep(waitMs, signal);
      } catch {
        return; // stopped
      }
      waitMs = ROUND_MS;
      try {
        await this.round();
      } catch (error) {
        if (signal.aborted) return;
        log.emit('records.down', { text: errorText(error) });
      }
    }
  }

  async round(): Promise<void> {
    const { clock, outbox, keys, policy, isDiskLow } = this.#options;
    const { store } = outbox;
    if (store === undefined) return;
    const { keepMs, maxBytes, pseudonymiseAfterMs } = policy();
    const now = clock.now();
    let days = await store.days();
    days = await this.#dropIf(store, days, 'age', ({ day }) => now - endOfDay(day) >= keepMs);
    days = await this.#makeRoom(store, days, maxBytes);
    await keys.keep(new Set(days.map(({ day }) => day)));
    if (pseudonymiseAfterMs !== undefined) {
      for (const { day, rewritten } of days) {
        const isDue = rewritten === undefined && now - endOfDay(day) >= pseudonymiseAfterMs;
        if (isDue) await this.#pseudonymise(store, day);
      }
    }
    const bytes = sumOf(days);
    this.#levels = { bytes, days: days.length };
    outbox.setFull((await isDiskLow()) ? 'disk' : bytes > maxBytes ? 'size' : undefined);
  }

  /** The newest day stays whatever its size. */
  async #makeRoom(
    store: RecordStore,
    days: readonly RecordDay[],
    maxBytes: number,
  ): Promise<readonly RecordDay[]> {
    let bytes = sumOf(days);
    const tooMany = new Set<string>();
    for (const { day, bytes: own } of days.slice(0, -1)) {
      if (bytes <= maxBytes) break;
      tooMany.add(day);
      bytes -= own;
    }
    return this.#dropIf(store, days, 'size', ({ day }) => tooMany.has(day));
  }

  async #dropIf(
    store: RecordStore,
    days: readonly RecordDay[],
    why: 'age' | 'size',
    isGone: (day: RecordDay) => boolean,
  ): Promise<readonly RecordDay[]> {
    for (const one of days) {
      if (!isGone(one)) continue;
      await store.drop(one.day);
      this.#hidden.delete(one.day);
      this.#options.log.emit('records.expire', { day: one.day, bytes: one.bytes, why });
    }
    return days.filter((one) => !isGone(one));
  }

  async #pseudonymise(store: RecordStore, day: string): Promise<void> {
    const { clock, log, keys } = this.#options;
    const startedAt = clock.mono();
    const pseudonym = pseudonymWith(await keys.make(day));
    // From now on, for what is appended until the rewrite has ended must have its form too.
    this.#hidden.add(day);
    try {
      await store.rewrite(
        day,
        PSEUDONYMS,
        (segment) => changed(segment, pseudonym),
        () => clock.sleep(REST_MS, this.#stopping.signal),
      );
    } catch (error) {
      this.#hidden.delete(day);
      throw error;
    }
    log.emit('records.pseudonymise', { day, ms: Math.round(clock.mono() - startedAt) });
  }
}

/** Undefined for a form that is not known: it cannot be told what it gives away. */
function changed(
  { id, bytes }: Pick<RecordSegment, 'id' | 'bytes'>,
  pseudonym: Pseudonym,
): RecordSegment | undefined {
  const recorded = decode(id, bytes);
  return recorded && segmentOf(id, withPseudonyms(recorded, pseudonym));
}

function sumOf(days: readonly RecordDay[]): number {
  return days.reduce((sum, { bytes }) => sum + bytes, 0);
}
