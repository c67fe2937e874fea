/**
 * At most so many at a time; the others wait in order of arrival. The line of those who wait has a
 * bound, and so has the wait: beyond them, or when their signal aborts, the caller hears an error.
 * A slot is always given back, whatever the work does.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';

/** More than any gateway has transactions open at the final dot. */
const MAX_WAITING = 5000;

export class Slots {
  readonly #size: number;
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(size: number, clock: Clock) {
    this.#size = size;
    this.#clock = clock;
  }

  async run<T>(waitMs: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#taken < this.#size) this.#taken += 1;
    else await this.#turn(waitMs, signal);
    try {
      return await work();
    } finally {
      this.#giveBack();
    }
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Resolves owning a slot. */
  #turn(waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= MAX_WAITING) {
      throw new CodedError('LIMIT', `${MAX_WAITING} messages wait already`);
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(onTurn);
        timer.stop();
        signal.removeEventListener('abort', onAbort);
      };
      const onTurn = () => {
        leave();
        resolve();
      };
      const onAbort = () => {
        leave();
        reject(signal.reason as Error);
      };
      const timer = this.#clock.timer(waitMs, () => {
        leave();
        reject(new CodedError('DEADLINE', `waited ${waitMs} ms for a turn`));
      });
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(onTurn);
    });
  }

  #giveBack(): void {
    const next = this.#waiting.values().next();
    if (next.done === true) {
      this.#taken -= 1;
      return;
    }
    // The slot goes from hand to hand, so nobody can step in between.
    next.value();
  }
}
