/**
 * Notices that the system's clock was set back: by the clock that never runs backwards, time has passed,
 * by the other it has not. What is stored with a time would wait so much longer.
 */
import type { Clock } from '../base/clock.ts';

/** Less is a correction, and no harm. */
const LEAST_MS = 60_000;

export class SetBack {
  readonly #clock: Clock;
  #offset: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offset = clock.now() - clock.mono();
  }

  /** Whether that has happened since it was asked last; small steps do not add up. */
  hasHappened(): boolean {
    const before = this.#offset;
    this.#offset = this.#clock.now() - this.#clock.mono();
    return before - this.#offset >= LEAST_MS;
  }
}
