/**
 * Whose turn it is to be delivered from the queue: a pace for each destination, shared by all its
 * domains first come first served, so that a long queue of one does not starve another; the rate the
 * destination was promised; and a number of places, shared by customers' servers, and another, shared by
 * senders of mail to servers of others: whoever sends can name as many silent ones as he likes.
 */
import type { Clock } from '../base/clock.ts';
import { SharedPlaces } from '../base/shared-places.ts';
import type { Destination } from '../directory/domain.ts';
import { isRemote, senderOf } from '../mail/remote-lane.ts';
import type { Attempted } from './attempt.ts';
import { UNTRIED } from './attempt.ts';
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

/** Deliveries at once to customers' servers. */
const MAX_HOSTED = 200;
/** To servers that nobody configured. */
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
  readonly #hosted = new SharedPlaces(MAX_HOSTED);
  readonly #remote = new SharedPlaces(MAX_REMOTE);
  readonly #paces = new Map<string, Pace>();

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  get active(): number {
    return this.#hosted.taken + this.#remote.taken;
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
   * Waits for a place at the destination, in its rate, then for one of those that are shared, so that
   * nobody starves another; untried when by then there is no use in it. `bytes`: a large message may
   * take longer.
   */
  async run(
    domain: string,
    bytes: number,
    signal: AbortSignal,
    work: () => Promise<Attempted>,
  ): Promise<Attempted> {
    const ifOfUse = async (): Promise<Attempted> => {
      // While it waited the destination may have gone down, or its lease been lost.
      const isUseless = signal.aborted || this.#options.isBarred(domain);
      return isUseless ? UNTRIED : work();
    };
    // Of several destinations none sets the pace for the others.
    if (isFanOut(domain)) return this.#remote.run(senderOf(domain) ?? OURS, ifOfUse);
    const { clock } = this.#options;
    const key = this.#keyOf(domain);
    const timed = async () => {
      const startedAt = clock.mono();
      const done = await ifOfUse();
      // Looked up at each use: one that is idle meanwhile is forgotten.
      if (done.result !== 'untried') this.#pace(domain, key).took(clock.mono() - startedAt, bytes);
      return done;
    };
    const places = isRemote(domain) ? this.#remote : this.#hosted;
    const owner = isRemote(domain) ? (senderOf(domain) ?? OURS) : key;
    const done = await this.#pace(domain, key).run(async () => {
      await this.#waitForRate(domain, signal);
      return places.tryRun(owner, timed);
    });
    if (done !== undefined) return done;
    // He waits for what he has taken himself: not in the destination's line, where others are.
    return places.run(owner, () => this.#pace(domain, key).run(timed));
  }

  async #waitForRate(domain: string, signal: AbortSignal): Promise<void> {
    const { rates, route, clock, stopped, isBarred } = this.#options;
    if (rates === undefined) return;
    while (!signal.aborted && !stopped.aborted && !isBarred(domain)) {
      const destination = route(domain);
      const waitMs = destination === undefined ? 0 : rates.take(destination, 'queue');
      if (waitMs === 0) return;
      const ended = AbortSignal.any([signal, stopped]);
      await clock.sleep(Math.min(waitMs, RATE_LOOK_MS), ended).catch(() => undefined);
    }
  }

  #keyOf(domain: string): string {
    return this.#options.route(domain)?.key ?? UNSERVED;
  }

  #pace(domain: string, key = this.#keyOf(domain)): Pace {
    const known = this.#paces.get(key);
    if (known !== undefined) return known;
    const maxConnections = this.#options.route(domain)?.maxConnections ?? HOLDING;
    const pace = new Pace(() => this.#options.route(domain)?.maxConnections ?? maxConnections);
    this.#paces.set(key, pace);
    return pace;
  }
}
