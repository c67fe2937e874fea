/**
 * What is remembered about recipients of the destinations: known or not, how we know, and since
 * when. An answer's age does not grow while its destination is down or held (outage-clock.ts). Losing an
 * entry costs a question to the destination, never mail.
 *
 * Bounded, for strangers choose what is asked: a destination's unknown recipients share a fixed
 * number of slots, in which a newer one takes the place of an older; its known ones are counted, and
 * at the bound no more are learnt until others grow old.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { paged } from '../base/paged.ts';
import type { TtlMap } from '../store/ttl-map.ts';
import type { OutageClock } from './outage-clock.ts';
import type { Origin, Stored } from './remembered-recipient.ts';
import {
  decode,
  encode,
  isAsStrong,
  isFromDestination,
  isFromPerson,
  merged,
} from './remembered-recipient.ts';

export interface Remembered {
  readonly answer: 'known' | 'unknown';
  readonly origin: Origin;
  /** The destination's name in our books, whose users they are. */
  readonly destination: string;
  readonly at: number;
  /** When the destination itself said so last; undefined when it never did. */
  readonly askedAt: number | undefined;
  /** Age in milliseconds, outages not counted. */
  readonly ageMs: number;
  /** How much older it may become until it is forgotten; undefined: for good. */
  readonly leftMs: number | undefined;
  /** Good enough to answer without asking the destination. */
  readonly fresh: boolean;
  /** Of an unknown one who had been known there: when he was not any more. */
  readonly leftAt?: number;
}

const KNOWN = 'rcpt';
const UNKNOWN = 'rcpt-unknown';
const HOUR = 3600 * 1000;
const DAY = 24 * HOUR;
/**
 * A known recipient is not asked about for a day (relay-first hears of a removed mailbox anyway) and
 * stays good for a month of the destination's uptime. An unknown one may be created any minute, so
 * it is asked again after five, but stays refused for three hours of uptime, which is what counts in
 * an outage. What a person says stays good until it is taken back or, imported, for a year. To ask a
 * directory costs next to nothing, so who left it is refused within minutes.
 */
const AGES = {
  known: { freshMs: DAY, goodMs: 31 * DAY },
  ldap: { freshMs: 10 * 60 * 1000, goodMs: 31 * DAY },
  imported: { freshMs: DAY, goodMs: 366 * DAY },
  unknown: { freshMs: 5 * 60 * 1000, goodMs: 3 * HOUR },
};
/** Room for long outages: how much longer the bytes are kept than they are good for. */
const OUTAGE_ROOM_MS = 60 * DAY;
const PIN_MS = 3650 * DAY;
/** A busy recipient must not cost a write for each message; short against every age above. */
const SAME_AGAIN_MS = 60 * 1000;
/** Of one destination: far more than a harvest needs to see, about a megabyte on disk. */
const UNKNOWN_SLOTS = 8192;
/** Of one destination: learnt from mail, some 30 MB on disk, and with what an operator brought in. */
const BOUNDS = { learnt: 200_000, all: 1_000_000 };

export type Remembering = 'remembered' | 'pinned' | 'full';

export interface RecipientMemoryOptions {
  readonly map: TtlMap;
  readonly outages: OutageClock;
  readonly clock: Clock;
  /** Hears once in a while of a destination of which no more are learnt. */
  readonly onFull: (destination: string) => void;
  /** A seam for tests. */
  readonly bounds?: typeof BOUNDS;
}

export class RecipientMemory {
  readonly #map: TtlMap;
  readonly #outages: OutageClock;
  readonly #clock: Clock;
  readonly #onFull: (destination: string) => void;
  readonly #bounds: typeof BOUNDS;
  /** Destinations of which that was said since the last count. */
  #full = new Set<string>();
  /** Known recipients by destination, as of the last count. */
  #counts = new Map<string, number>();

  constructor(options: RecipientMemoryOptions) {
    this.#map = options.map;
    this.#outages = options.outages;
    this.#clock = options.clock;
    this.#onFull = options.onFull;
    this.#bounds = options.bounds ?? BOUNDS;
  }

  /** What is known of a recipient (a key of `recipientKey`); nothing when too old or never asked. */
  async recall(destination: string, recipient: string): Promise<Remembered | undefined> {
    const known = await this.#known(destination, recipient);
    const judged = known && this.#judge(known, recipient);
    if (judged !== undefined) return judged;
    const unknown = await this.#unknown(destination, recipient);
    return unknown && this.#judge(unknown, recipient);
  }

  /** Which of several destinations knows a recipient, or that a person says that none does. */
  async recallHome(
    destinations: readonly string[],
    recipient: string,
  ): Promise<Remembered | undefined> {
    const entry = await this.#map.get(KNOWN, recipient);
    const stored = entry && decode(entry.value);
    const isOurs = stored !== undefined && destinations.includes(stored.destination);
    return isOurs ? this.#judge(stored, recipient) : undefined;
  }

  /** A pin stays; the same answer again within a minute is not written down again. */
  async remember(
    destination: string,
    recipient: string,
    answer: 'known' | 'unknown',
    origin: Origin,
  ): Promise<Remembering> {
    const before = await this.#known(destination, recipient);
    if (before?.origin === 'pinned' && origin !== 'pinned') return 'pinned';
    const stored = { ...this.#now(destination, recipient), answer, origin, recipient };
    if (answer === 'unknown' && origin !== 'pinned') {
      await this.#putUnknown(stored, before !== undefined);
      if (before !== undefined) await this.#map.delete(KNOWN, recipient);
      return 'remembered';
    }
    return this.#putKnown(before, stored);
  }

  /**
   * What a person or a sender says about it, not the destination: of use in an outage, while the
   * destination's own word still counts.
   */
  async learn(
    destination: string,
    recipient: string,
    origin: 'sent' | 'imported',
  ): Promise<Remembering> {
    const unknown = await this.#unknown(destination, recipient);
    const isRefused = unknown !== undefined && this.#judge(unknown, recipient) !== undefined;
    // Somebody writes under an address that takes no mail, such as noreply@.
    if (isRefused && origin === 'sent') return 'remembered';
    if (isRefused) await this.#map.delete(UNKNOWN, slotOf(destination, recipient));
    return this.remember(destination, recipient, 'known', origin);
  }

  async forget(destination: string, recipient: string): Promise<boolean> {
    const unknown = await this.#unknown(destination, recipient);
    if (unknown !== undefined) await this.#map.delete(UNKNOWN, slotOf(destination, recipient));
    return (await this.#map.delete(KNOWN, recipient)) || unknown !== undefined;
  }

  /** All that still counts: known recipients in key order, then unknown ones in none. */
  async *entries(): AsyncGenerator<{ recipient: string } & Remembered> {
    for (const namespace of [KNOWN, UNKNOWN]) {
      for await (const [key, stored] of this.#stored(namespace)) {
        const { recipient = key } = stored;
        const remembered = this.#judge(stored, recipient);
        if (remembered !== undefined) yield { recipient, ...remembered };
      }
    }
  }

  /** Counts the known ones anew, for they grow old without a word. Needs a while, holds up nobody. */
  async count(signal?: AbortSignal): Promise<void> {
    const counts = new Map<string, number>();
    for await (const [, { destination }] of this.#stored(KNOWN)) {
      if (signal?.aborted === true) return;
      counts.set(destination, (counts.get(destination) ?? 0) + 1);
    }
    this.#counts = counts;
    this.#full = new Set();
  }

  async #putKnown(before: Stored | undefined, stored: Stored): Promise<Remembering> {
    const { destination, recipient = '' } = stored;
    const isNew = before === undefined;
    if (!isNew && this.#isSameAgain(before, stored)) return 'remembered';
    const count = this.#counts.get(destination) ?? 0;
    if (isNew && count >= (isFromPerson(stored.origin) ? this.#bounds.all : this.#bounds.learnt)) {
      if (!this.#full.has(destination)) this.#onFull(destination);
      this.#full.add(destination);
      return 'full';
    }
    const entry = merged(before, stored);
    const { goodMs } = agesOf(entry);
    const keepMs = entry.origin === 'pinned' ? PIN_MS : goodMs + OUTAGE_ROOM_MS;
    await this.#map.put(KNOWN, recipient, encode(entry), keepMs);
    if (isNew) {
      this.#counts.set(destination, count + 1);
      const unknown = await this.#unknown(destination, recipient);
      if (unknown !== undefined) await this.#map.delete(UNKNOWN, slotOf(destination, recipient));
    }
    return 'remembered';
  }

  async #putUnknown(stored: Stored, wasKnown: boolean): Promise<void> {
    const { destination, recipient = '' } = stored;
    const before = await this.#unknown(destination, recipient);
    if (before !== undefined && this.#isSameAgain(before, stored)) return;
    const leftAt = wasKnown ? stored.at : before?.leftAt;
    const entry = { ...stored, ...(leftAt !== undefined && { leftAt }) };
    const keepMs = AGES.unknown.goodMs + OUTAGE_ROOM_MS;
    await this.#map.put(UNKNOWN, slotOf(destination, recipient), encode(entry), keepMs);
  }

  #isSameAgain(before: Stored, now: Stored): boolean {
    if (before.answer !== now.answer || !isAsStrong(before.origin, now.origin)) return false;
    const since = (isFromDestination(now.origin) ? before.asked?.at : before.at) ?? -Infinity;
    return now.at >= since && now.at - since < SAME_AGAIN_MS;
  }

  /** Another destination's users are other users. */
  async #known(destination: string, recipient: string): Promise<Stored | undefined> {
    const entry = await this.#map.get(KNOWN, recipient);
    const stored = entry && decode(entry.value);
    return stored?.destination === destination ? stored : undefined;
  }

  async #unknown(destination: string, recipient: string): Promise<Stored | undefined> {
    const entry = await this.#map.get(UNKNOWN, slotOf(destination, recipient));
    const stored = entry && decode(entry.value);
    const isHis = stored?.destination === destination && stored.recipient === recipient;
    return isHis ? stored : undefined;
  }

  async *#stored(namespace: string): AsyncGenerator<[string, Stored]> {
    const all = paged(
      (page) => this.#map.list(namespace, page),
      ({ key }) => key,
    );
    for await (const { key, entry } of all) {
      const stored = decode(entry.value);
      if (stored !== undefined) yield [key, stored];
    }
  }

  #now(destination: string, recipient: string) {
    const stoppedMs = this.#outages.silentMs(destination, domainOf(recipient));
    return { at: this.#clock.now(), stoppedMs, destination };
  }

  #judge(stored: Stored, recipient: string): Remembered | undefined {
    const { answer, origin, at, destination, asked, leftAt } = stored;
    const stoppedMs = this.#outages.silentMs(destination, domainOf(recipient));
    const ageMs = this.#ageOf(stoppedMs, stored);
    const { freshMs, goodMs } = agesOf(stored);
    const pinned = origin === 'pinned';
    if (!pinned && ageMs > goodMs) return undefined;
    const fresh = pinned || (asked !== undefined && this.#ageOf(stoppedMs, asked) <= freshMs);
    const leftMs = pinned ? undefined : goodMs - ageMs;
    const left = leftAt !== undefined && { leftAt };
    return { answer, origin, destination, at, askedAt: asked?.at, ageMs, leftMs, fresh, ...left };
  }

  #ageOf(stoppedMs: number, from: { readonly at: number; readonly stoppedMs: number }): number {
    const stopped = stoppedMs - from.stoppedMs;
    return Math.max(0, this.#clock.now() - from.at - Math.max(0, stopped));
  }
}

function agesOf({ answer, origin }: Stored): { readonly freshMs: number; readonly goodMs: number } {
  if (answer === 'unknown') return AGES.unknown;
  return origin === 'imported' || origin === 'ldap' ? AGES[origin] : AGES.known;
}

function domainOf(recipient: string): string {
  return recipient.slice(recipient.lastIndexOf('@') + 1);
}

/** The place of an unknown recipient among the slots of its destination. */
function slotOf(destination: string, recipient: string): string {
  const owner = createHash('sha256').update(destination).digest('hex').slice(0, 16);
  const digest = createHash('sha256').update(recipient).digest();
  return `${owner}!${digest.readUInt32BE(0) % UNKNOWN_SLOTS}`;
}
