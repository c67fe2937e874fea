/**
 * A deadline that is moved often and hardly ever reached, such as that of a connection which is
 * reset by each reply. Moving it costs a clock reading, no timer: the armed timer is left alone
 * and, when it fires too early, sets itself anew. `stop` ends it for good.
 */
import type { Clock, Timer } from './clock.ts';

export class MovingDeadline {
  readonly #clock: Clock;
  readonly #expired: () => void;
  #timer: Timer | undefined;
  #firesAt = 0;
  #deadlineAt = Infinity;

  constructor(clock: Clock, expired: () => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** Calls `expired` in `ms` from `now` unless moved or cleared before. */
  set(ms: number, now = this.#clock.mono()): void {
    this.#deadlineAt = now + ms;
    if (this.#timer !== undefined && this.#firesAt <= this.#deadlineAt) return;
    this.#arm(ms, now);
  }

  clear(): void {
    this.#deadlineAt = Infinity;
  }

  stop(): void {
    this.#deadlineAt = Infinity;
    this.#timer?.stop();
    this.#timer = undefined;
  }

  #arm(ms: number, now: number): void {
    this.#timer?.stop();
    this.#firesAt = now + ms;
    this.#timer = this.#clock.timer(ms, () => {
      this.#timer = undefined;
      if (this.#deadlineAt === Infinity) return;
      const at = this.#clock.mono();
      const left = this.#deadlineAt - at;
      if (left > 0) {
        this.#arm(left, at);
      } else {
        this.#deadlineAt = Infinity;
        this.#expired();
      }
    });
  }
}
