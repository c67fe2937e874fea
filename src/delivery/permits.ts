/**
 * A bounded number of permits with a bounded line of those who wait for one, first come first
 * served. Waiting has a deadline. A full line or a deadline is an expected answer: no permit.
 */
import type { Clock } from '../base/clock.ts';
import { MovingDeadline } from '../base/moving-deadline.ts';

interface Waiter {
  readonly since: number;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
  readonly settle: (granted: boolean) => void;
}

export interface PermitLimits {
  readonly permits: number;
  readonly waiters: number;
  readonly waitMs: number;
}

export class Permits {
  readonly #clock: Clock;
  readonly #limits: PermitLimits;
  readonly #waiters = new Set<Waiter>();
  readonly #deadline: MovingDeadline;
  #taken = 0;

  constructor(clock: Clock, limits: PermitLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#deadline = new MovingDeadline(clock, () => this.#expire());
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** Nobody has or wants a permit. */
  get isIdle(): boolean {
    return this.#taken === 0;
  }

  /** Whether a permit was given, at once or after a wait; each one is given back by `give`. */
  take(signal?: AbortSignal): boolean | Promise<boolean> {
    if (signal?.aborted === true) return false;
    if (this.#taken < this.#limits.permits) {
      this.#taken += 1;
      return true;
    }
    if (this.#waiters.size >= this.#limits.waiters) return false;
    return new Promise((resolve) => {
      const waiter: Waiter = {
        since: this.#clock.mono(),
        signal,
        onAbort: () => this.#settle(waiter, false),
        settle: resolve,
      };
      signal?.addEventListener('abort', waiter.onAbort, { once: true });
      if (this.#waiters.size === 0) this.#deadline.set(this.#limits.waitMs);
      this.#waiters.add(waiter);
    });
  }

  give(): void {
    const next = this.#first();
    if (next === undefined) this.#taken -= 1;
    else this.#settle(next, true);
  }

  /** Sends all who wait away. */
  stop(): void {
    for (const waiter of this.#waiters) this.#settle(waiter, false);
    this.#deadline.stop();
  }

  #settle(waiter: Waiter, granted: boolean): void {
    this.#waiters.delete(waiter);
    waiter.signal?.removeEventListener('abort', waiter.onAbort);
    waiter.settle(granted);
  }

  #first(): Waiter | undefined {
    for (const waiter of this.#waiters) return waiter;
    return undefined;
  }

  #expire(): void {
    const now = this.#clock.mono();
    for (const waiter of this.#waiters) {
      const left = waiter.since + this.#limits.waitMs - now;
      if (left > 0) return this.#deadline.set(left);
      this.#settle(waiter, false);
    }
  }
}
