/**
 * A bounded number of permits with a bounded line of those who wait for one: one line for sessions
 * and one for the queue, first come first served in each, served in turn while both wait, so that
 * neither new mail nor a long queue starves the other. Waiting has a deadline. A full line or a
 * deadline is an expected answer: no permit.
 */
import type { Clock } from '../base/clock.ts';
import { MovingDeadline } from '../base/moving-deadline.ts';
import type { Origin } from './rate-limits.ts';

interface Waiter {
  readonly origin: Origin;
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
  readonly #lines: Readonly<Record<Origin, Set<Waiter>>> = { session: new Set(), queue: new Set() };
  #servedLast: Origin = 'queue';
  readonly #deadline: MovingDeadline;
  #permits: number;
  #taken = 0;

  constructor(clock: Clock, limits: PermitLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#permits = limits.permits;
    this.#deadline = new MovingDeadline(clock, () => this.#expire());
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#lines.session.size + this.#lines.queue.size;
  }

  /** Nobody has or wants a permit. */
  get isIdle(): boolean {
    return this.#taken === 0;
  }

  /** Whether a permit was given, at once or after a wait; each one is given back by `give`. */
  take(signal?: AbortSignal, origin: Origin = 'session'): boolean | Promise<boolean> {
    if (signal?.aborted === true) return false;
    if (this.#taken < this.#permits) {
      this.#taken += 1;
      return true;
    }
    if (this.waiting >= this.#limits.waiters) return false;
    return new Promise((resolve) => {
      const waiter: Waiter = {
        origin,
        since: this.#clock.mono(),
        signal,
        onAbort: () => this.#settle(waiter, false),
        settle: resolve,
      };
      signal?.addEventListener('abort', waiter.onAbort, { once: true });
      if (this.waiting === 0) this.#deadline.set(this.#limits.waitMs);
      this.#lines[origin].add(waiter);
    });
  }

  give(): void {
    this.#taken -= 1;
    this.#serve();
  }

  /** More or fewer from now on; nobody loses a permit. */
  resize(permits: number): void {
    this.#permits = permits;
    this.#serve();
  }

  #serve(): void {
    while (this.#taken < this.#permits) {
      const next = this.#first();
      if (next === undefined) return;
      this.#taken += 1;
      this.#servedLast = next.origin;
      this.#settle(next, true);
    }
  }

  /** Sends all who wait away. */
  stop(): void {
    for (const line of Object.values(this.#lines)) {
      for (const waiter of line) this.#settle(waiter, false);
    }
    this.#deadline.stop();
  }

  #settle(waiter: Waiter, granted: boolean): void {
    this.#lines[waiter.origin].delete(waiter);
    waiter.signal?.removeEventListener('abort', waiter.onAbort);
    waiter.settle(granted);
  }

  #first(): Waiter | undefined {
    const { session, queue } = this.#lines;
    const [turn, other] = this.#servedLast === 'queue' ? [session, queue] : [queue, session];
    return oldest(turn) ?? oldest(other);
  }

  #expire(): void {
    const now = this.#clock.mono();
    const left: number[] = [];
    for (const line of Object.values(this.#lines)) {
      for (const waiter of line) {
        const leftMs = waiter.since + this.#limits.waitMs - now;
        if (leftMs > 0) {
          left.push(leftMs);
          break;
        }
        this.#settle(waiter, false);
      }
    }
    if (left.length > 0) this.#deadline.set(Math.min(...left));
  }
}

function oldest(line: ReadonlySet<Waiter>): Waiter | undefined {
  for (const waiter of line) return waiter;
  return undefined;
}
