/**
 * Looks every minute after mail of which no attempt takes care, because nothing of its destination
 * is tried: whose lifetime is over, and whose sender is to hear of a delay. One look at a time.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { DelayWatchDeps } from './delays.ts';
import { DelayWatch } from './delays.ts';
import type { ExpiryDeps } from './expiry.ts';
import { Expiry } from './expiry.ts';

export type OverdueDeps = ExpiryDeps & DelayWatchDeps;

const EVERY_MS = 60_000;

export class Overdue {
  readonly #clock: Clock;
  readonly #expiry: Expiry;
  readonly #delays: DelayWatch;
  readonly #signal: AbortSignal;
  readonly #isClosed: () => boolean;
  readonly #supervise: (work: Promise<void>) => void;
  #timer: Timer | undefined;

  /** `supervise` takes a promise that nobody else waits for; a store that failed rejects it. */
  constructor(deps: OverdueDeps, signal: AbortSignal, supervise: (work: Promise<void>) => void) {
    this.#clock = deps.clock;
    this.#expiry = new Expiry(deps);
    this.#delays = new DelayWatch(deps);
    this.#signal = signal;
    this.#supervise = supervise;
    this.#isClosed = () => deps.store.backlog().some(({ dest }) => deps.isClosed(dest));
  }

  start(): void {
    this.#timer = this.#clock.timer(EVERY_MS, () => this.#supervise(this.#look()));
  }

  stop(): void {
    this.#timer?.stop();
  }

  async #look(): Promise<void> {
    try {
      await this.#expiry.look(this.#signal);
      if (this.#isClosed()) await this.#delays.look(this.#signal);
    } finally {
      if (!this.#signal.aborted) this.#timer?.restart();
    }
  }
}
