/**
 * What is remembered about recipients of the destinations: known or not, how we know, and since
 * when. An answer's age does not grow while its destination is down (outage-clock.ts). Losing an
 * entry costs a question to the destination, never mail.
 */
import type { Clock } from '../base/clock.ts';
import type { TtlMap } from '../store/ttl-map.ts';
import type { OutageClock } from './outage-clock.ts';

/** `asked`: at RCPT; `delivered`: took real mail; `pinned`: an operator says so, for good. */
export type Origin = 'asked' | 'delivered' | 'pinned';

export interface Remembered {
  readonly answer: 'known' | 'unknown';
  readonly origin: Origin;
  readonly at: number;
  /** Age in milliseconds, outages not counted. */
  readonly ageMs: number;
  /** Good enough to answer without asking the destination. */
  readonly fresh: boolean;
}

const NAMESPACE = 'rcpt';
const HOUR = 3600 * 1000;
const DAY = 24 * HOUR;
/**
 * A known recipient is not asked about for a day (relay-first hears of a removed mailbox anyway) and
 * stays good for a month of the destination's uptime. An unknown one may be created any minute, so
 * it is asked again after five, but stays refused for three hours of uptime, which is what counts in
 * an outage.
 */
const AGES = {
  known: { freshMs: DAY, goodMs: 31 * DAY },
  unknown: { freshMs: 5 * 60 * 1000, goodMs: 3 * HOUR },
};
/** Room for long outages: how much longer the bytes are kept than they are good for. */
const OUTAGE_ROOM_MS = 60 * DAY;
const PIN_MS = 3650 * DAY;
/** A busy recipient must not cost a write for each message; short against every age above. */
const SAME_AGAIN_MS = 60 * 1000;

interface Stored {
  readonly answer: 'known' | 'unknown';
  readonly origin: Origin;
  readonly at: number;
  readonly stoppedMs: number;
  readonly destination: string;
}

export class RecipientMemory {
  readonly #map: TtlMap;
  readonly #outages: OutageClock;
  readonly #clock: Clock;

  constructor(map: TtlMap, outages: OutageClock, clock: Clock) {
    this.#map = map;
    this.#outages = outages;
    this.#clock = clock;
  }

  /** What is known of a recipient (a key of `recipientKey`); nothing when too old or never asked. */
  async recall(destination: string, recipient: string): Promise<Remembered | undefined> {
    const entry = await this.#map.get(NAMESPACE, recipient);
    const stored = entry && decode(entry.value);
    // Another destination's users are other users.
    if (stored === undefined || stored.destination !== destination) return undefined;
    return this.#judge(stored);
  }

  /** A pin stays; the same answer again within a minute is not written down again. */
  async remember(
    destination: string,
    recipient: string,
    answer: 'known' | 'unknown',
    origin: Origin,
  ): Promise<void> {
    const before = await this.recall(destination, recipient);
    if (origin !== 'pinned' && before !== undefined) {
      if (before.origin === 'pinned') return;
      if (before.answer === answer && before.ageMs < SAME_AGAIN_MS) return;
    }
    const stored: Stored = {
      answer,
      origin,
      at: this.#clock.now(),
      stoppedMs: this.#outages.stoppedMs(destination),
      destination,
    };
    const keepMs = origin === 'pinned' ? PIN_MS : AGES[answer].goodMs + OUTAGE_ROOM_MS;
    await this.#map.put(NAMESPACE, recipient, Buffer.from(JSON.stringify(stored)), keepMs);
  }

  forget(recipient: string): Promise<boolean> {
    return this.#map.delete(NAMESPACE, recipient);
  }

  async list(options: {
    after?: string;
    limit: number;
  }): Promise<({ recipient: string } & Remembered)[]> {
    const page = await this.#map.list(NAMESPACE, options);
    return page.flatMap(({ key, entry }) => {
      const stored = decode(entry.value);
      const remembered = stored && this.#judge(stored);
      return remembered === undefined ? [] : [{ recipient: key, ...remembered }];
    });
  }

  #judge(stored: Stored): Remembered | undefined {
    const stopped = this.#outages.stoppedMs(stored.destination) - stored.stoppedMs;
    const ageMs = Math.max(0, this.#clock.now() - stored.at - Math.max(0, stopped));
    const { freshMs, goodMs } = AGES[stored.answer];
    const pinned = stored.origin === 'pinned';
    if (!pinned && ageMs > goodMs) return undefined;
    const { answer, origin, at } = stored;
    return { answer, origin, at, ageMs, fresh: pinned || ageMs <= freshMs };
  }
}

function decode(bytes: Uint8Array): Stored | undefined {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString()) as Partial<Stored>; // stored by us
    const { answer, origin, at, stoppedMs, destination } = value;
    if ((answer !== 'known' && answer !== 'unknown') || origin === undefined) return undefined;
    if (typeof at !== 'number' || typeof stoppedMs !== 'number' || destination === undefined) {
      return undefined;
    }
    return { answer, origin, at, stoppedMs, destination };
  } catch {
    return undefined; // a damaged entry is a forgotten one
  }
}
