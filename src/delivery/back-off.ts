/**
 * Servers of others that say we bring too much, or that our address stands on a block list, are left alone
 * for a while: every further attempt would make it worse. The pause begins short and doubles while they go
 * on; the first message they take ends it. All domains of a provider share it.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Destination } from '../directory/domain.ts';
import { replyText } from '../mail/outcome.ts';
import type { Reply } from '../mail/reply.ts';
import { hindranceIn } from './hindrance-signs.ts';
import { isListing } from './listing-signs.ts';
import type { Providers } from './providers.ts';
import { shareKey } from './providers.ts';

export interface BackOffOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly providers: Pick<Providers, 'of'>;
}

/** What an attempt has shown. */
export interface Seen {
  readonly refusals: readonly Reply[];
  /** A message was taken. */
  readonly isGood: boolean;
  /** Which of our addresses it went from, if that is known. */
  readonly source: string | undefined;
}

/** A pause that is on, as people see it: times by the clock on the wall. */
export interface PauseView {
  readonly since: number;
  readonly until: number;
  /** The reply that began it. */
  readonly text: string;
}

interface Pause {
  /** By the monotonic clock. */
  readonly until: number;
  readonly ms: number;
  readonly since: number;
  readonly text: string;
}

const FIRST_MS = 60_000;
const MOST_MS = 15 * 60_000;
/** More destinations than this start anew. */
const MAX_PAUSES = 10_000;

export class BackOff {
  readonly #options: BackOffOptions;
  readonly #pauses = new Map<string, Pause>();

  constructor(options: BackOffOptions) {
    this.#options = options;
  }

  /** There are pauses, perhaps over ones. */
  get isOn(): boolean {
    return this.#pauses.size > 0;
  }

  /** Milliseconds until something may be tried again. */
  waitMs(destination: Destination): number {
    if (destination.mx === undefined || this.#pauses.size === 0) return 0;
    const pause = this.#pauses.get(this.#keyOf(destination));
    return pause === undefined ? 0 : Math.max(0, Math.ceil(pause.until - this.#now()));
  }

  /** Undefined when it may be tried. */
  pauseOf(destination: Destination): PauseView | undefined {
    const ms = this.waitMs(destination);
    const pause = ms === 0 ? undefined : this.#pauses.get(this.#keyOf(destination));
    if (pause === undefined) return undefined;
    return { since: pause.since, until: this.#options.clock.now() + ms, text: pause.text };
  }

  observe(destination: Destination, { refusals, isGood, source }: Seen): void {
    // A customer's own server has its pace, and its operator to talk to.
    if (destination.mx === undefined) return;
    const key = this.#keyOf(destination);
    const before = this.#pauses.get(key);
    // What was under way when the pause began tells nothing new.
    if (before !== undefined && before.until > this.#now()) return;
    const listing = refusals.find(isListing);
    const limit = refusals.find((reply) => hindranceIn(reply) === 'limits');
    const reply = listing ?? limit;
    if (reply === undefined) {
      if (isGood) this.#pauses.delete(key);
      return;
    }
    const longer = before === undefined ? FIRST_MS : Math.min(before.ms * 2, MOST_MS);
    const ms = listing === undefined ? longer : MOST_MS;
    if (this.#pauses.size >= MAX_PAUSES) this.#pauses.clear();
    const text = replyText(reply);
    const since = this.#options.clock.now();
    this.#pauses.set(key, { until: this.#now() + ms, ms, since, text });
    this.#options.log.emit('dest.pause', {
      dest: key,
      why: listing === undefined ? 'limits' : 'listed',
      src: source,
      for: Math.round(ms / 1000),
      text,
    });
  }

  #keyOf(destination: Destination): string {
    return shareKey(destination, this.#options.providers.of(destination));
  }

  #now(): number {
    return this.#options.clock.mono();
  }
}
