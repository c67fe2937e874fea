/**
 * Whose turn it is to be delivered from the queue: a pace for each destination, shared by all its
 * domains first come first served, so that a long queue of one does not starve another; the rate the
 * destination was promised; and a number of places for all destinations together, not all of which
 * servers of others may take, and no customer all of these: whoever sends can name as many silent
 * servers as he likes.
 */
import type { Clock } from '../base/clock.ts';
import { Places } from '../base/places.ts';
import { SharedPlaces } from '../base/shared-places.ts';
import type { Destination } from '../directory/domain.ts';
import { isRemote, senderOf } from '../mail/remote-lane.ts';
import type { AttemptResult } from './attempt.ts';
import { Pace } from './pace.ts';
import type { RateLimits } from './rate-limits.ts';
import { PARTED_AT_ONCE } from '../directory/destination.ts';
import { isFanOut } from './route.ts';

export interface TurnsOptions {
  readonly clock: Clock;
  readonly route: (domain: string) => Destination | undefined;
  /** Without it there is no bound to the rate of messages. */
  readonly rates: Pick<RateLimits, 'take'> | undefined;
  /** Nothing of a domain may be begun now: its destination is down, or the gateway stops. */
  readonly isBarred: (domain: string) => boolean;
  /** No new turn is waited for after it. */
  readonly stopped: AbortSignal;
}

/** Deliveries at once, all destinations together. */
const MAX_DELIVERIES = 200;
/** Of these, to servers that nobody configured. */
const MAX_REMOTE = 150;
/** For a domain without a destination: how many of its messages are held side by side. */
const HOLDING = 10;
const UNSERVED = '';
/** The sender of what the gateway sends itself. */
const OURS = '';
/** Who waits for a place in a rate looks so often whether the destination is still there. */
const RATE_LOOK_MS = 5000;

export class Turns {
  readonly #options: TurnsOptions;
  readonly #places = new Places(MAX_DELIVERIES);
  readonly #remote = new SharedPlaces(MAX_REMOTE);
  readonly #paces = new Map<string, Pace>();

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  get active(): number {
    return this.#places.taken;
  }

  /** Deliveries of a destination, now and at most; undefined when there are none. */
  paceOf(key: string): { readonly running: number; readonly limit: number } | undefined {
    const pace = this.#paces.get(key);
    return pace && { running: pace.running, limit: pace.limit };
  }

  /** Deliveries of a domain that may be begun at once. */
  limit(domain: string): number {
    if (this.#options.isBarred(domain)) return 0;
    return isFanOut(domain) ? PARTED_AT_ONCE : this.#pace(domain).limit;
  }

  /** The destination is back after an outage: few at first. */
  restart(key: string): void {
    this.#paces.get(key)?.restart();
  }

  forgetIdle(): void {
    for (const [key, pace] of this.#paces) if (pace.isIdle) this.#paces.delete(key);
  }

  /**
   * Waits for a place at the destination, in its rate, then for one of all, so that nobody starves
   * another; `untried` when by then there is no use in it. `bytes`: a large message may take longer.
   */
  async run(
    domain: string,
    bytes: number,
    signal: AbortSignal,
    work: () => Promise<AttemptResult>,
  ): Promise<AttemptResult> {
    const inPlace = () => this.#inPlace(domain, signal, work);
    const sender = senderOf(domain) ?? OURS;
    // Of several destinations none sets the pace for the others.
    if (isFanOut(domain)) return this.#remote.run(sender, inPlace);
    const pace = this.#pace(domain);
    const timed = () =>
      this.#inPlace(domain, signal, async () => {
        const startedAt = this.#options.clock.mono();
        const result = await work();
        pace.took(this.#options.clock.mono() - startedAt, bytes);
        return result;
      });
    const result = await pace.run(async () => {
      await this.#waitForRate(domain, signal);
      return isRemote(domain) ? (this.#remote.tryRun(sender, timed) ?? 'full') : timed();
    });
    if (result !== 'full') return result;
    // He waits for what he has taken himself: not in the destination's line, where others are.
    return this.#remote.run(sender, () => pace.run(timed));
  }

  #inPlace(
    domain: string,
    signal: AbortSignal,
    work: () => Promise<AttemptResult>,
  ): Promise<AttemptResult> {
    return this.#places.run(async () => {
      // While it waited the destination may have gone down, or its lease been lost.
      if (signal.aborted || this.#options.isBarred(domain)) return 'untried';
      return work();
    });
  }

  async #waitForRate(domain: string, signal: AbortSignal): Promise<void> {
    const { rates, route, clock, stopped, isBarred } = this.#options;
    if (rates === undefined) return;
    const ended = AbortSignal.any([signal, stopped]);
    while (!ended.aborted && !isBarred(domain)) {
      const destination = route(domain);
      const waitMs = destination === undefined ? 0 : rates.take(destination, 'queue');
      if (waitMs === 0) return;
      await clock.sleep(Math.min(waitMs, RATE_LOOK_MS), ended).catch(() => undefined);
    }
  }

  #pace(domain: string): Pace {
    const destination = this.#options.route(domain);
    const key = destination?.key ?? UNSERVED;
    const known = this.#paces.get(key);
    if (known !== undefined) return known;
    const maxConnections = destination?.maxConnections ?? HOLDING;
    const pace = new Pace(() => this.#options.route(domain)?.maxConnections ?? maxConnections);
    this.#paces.set(key, pace);
    return pace;
  }
}
