/**
 * The rates that destinations are promised: so many messages in so much time, whoever brings them.
 * A message that comes while its sender waits takes a place at once or goes to the queue; one from
 * the queue waits for its turn. While both want places they get them in turn, so that neither a
 * stream of new mail nor a long queue starves the other. Pure but for the clock.
 */
import type { Clock } from '../base/clock.ts';
import type { Destination } from '../directory/domain.ts';

/** Whose message it is: of a session that is on, or of the queue. */
export type Origin = 'session' | 'queue';

/** What counts for more than one destination. */
export interface RateShare {
  /** A rate that it shares with others; undefined: it has its own, if any. */
  of(destination: Destination): Pick<Destination, 'key' | 'rate'> | undefined;
  /** Milliseconds for which it is left alone. */
  pausedMs(destination: Destination): number;
}

interface Limit {
  /** When the next place comes up if all are used evenly (GCRA's theoretical arrival time). */
  freeAt: number;
  last: Origin;
  /** Until when somebody from the queue is known to wait for a place. */
  wantedUntil: number;
}

/** Destinations with a rate are named in the configuration; more than this start anew. */
const MAX_LIMITS = 10_000;
/** A second's worth may come at once. */
const BURST_MS = 1000;

export class RateLimits {
  readonly #clock: Clock;
  readonly #shared: RateShare | undefined;
  readonly #limits = new Map<string, Limit>();

  constructor(clock: Clock, shared?: RateShare) {
    this.#clock = clock;
    this.#shared = shared;
  }

  /** Takes a place and says 0, or says how many milliseconds to wait before asking again. */
  take(destination: Destination, origin: Origin): number {
    const pausedMs = this.#shared?.pausedMs(destination) ?? 0;
    if (pausedMs > 0) return pausedMs;
    const { key, rate } = this.#shared?.of(destination) ?? destination;
    if (rate === undefined) return 0;
    const now = this.#clock.mono();
    const limit = this.#limit(key);
    const stepMs = rate.perMs / rate.messages;
    const burstMs = Math.max(BURST_MS - stepMs, 0);
    const waitMs = Math.max(limit.freeAt, now) - burstMs - now;
    if (waitMs > 0) {
      if (origin === 'queue') limit.wantedUntil = now + waitMs + stepMs;
      return Math.ceil(waitMs);
    }
    if (origin === 'session' && limit.last === 'session' && limit.wantedUntil > now) return stepMs;
    limit.freeAt = Math.max(limit.freeAt, now) + stepMs;
    limit.last = origin;
    return 0;
  }

  #limit(key: string): Limit {
    const known = this.#limits.get(key);
    if (known !== undefined) return known;
    if (this.#limits.size >= MAX_LIMITS) this.#limits.clear();
    const limit: Limit = { freeAt: 0, last: 'queue', wantedUntil: 0 };
    this.#limits.set(key, limit);
    return limit;
  }
}
