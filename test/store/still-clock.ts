/** A clock that stands still until it is moved; timers fire when it is moved past them. */
import type { Clock } from '../../src/base/clock.ts';

export class StillClock implements Clock {
  #now: number;
  readonly #timers = new Set<{ at: number; fn: () => void }>();

  constructor(now = 1_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  mono(): number {
    return this.#now - 500_000; // must not be mistaken for `now`
  }

  sleep(): Promise<void> {
    return Promise.reject(new Error('nothing in the store sleeps'));
  }

  timer(ms: number, fn: () => void) {
    const entry = { at: this.#now + ms, fn };
    this.#timers.add(entry);
    return {
      restart: () => {
        entry.at = this.#now + ms;
        this.#timers.add(entry);
      },
      stop: () => void this.#timers.delete(entry),
    };
  }

  move(ms: number): void {
    this.#now += ms;
    for (const entry of [...this.#timers]) {
      if (entry.at > this.#now || !this.#timers.delete(entry)) continue;
      entry.fn();
    }
  }
}
