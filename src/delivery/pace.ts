/**
 * How many deliveries a destination gets at once. It begins with few, for it may just have come back
 * with everybody knocking; each delivery that goes well makes room for one more, so the number
 * doubles from round to round up to the configured bound, and it halves when the destination puts us
 * off. All domains of the destination share it, first come first served.
 */
import type { AttemptResult } from './attempt.ts';
import { Places } from '../base/places.ts';

const FIRST = 2;

export class Pace {
  readonly #max: () => number;
  readonly #places = new Places(FIRST);
  #limit = FIRST;

  /** `max` is read at each use, for a reload may change it. */
  constructor(max: () => number) {
    this.#max = max;
  }

  get limit(): number {
    return Math.min(this.#limit, this.#max());
  }
  get isIdle(): boolean {
    return this.#places.isIdle;
  }
  get running(): number {
    return this.#places.taken;
  }

  /** Back to the beginning: the destination is back after an outage. */
  restart(): void {
    this.#become(FIRST);
  }

  /** Waits for a place, does the work in it, and learns from its result. */
  run(work: () => Promise<AttemptResult>): Promise<AttemptResult> {
    return this.#places.run(async () => {
      const result = await work();
      if (result === 'delivered') this.#become(this.#limit + 1);
      else if (result === 'put-off') this.#become(Math.floor(this.#limit / 2));
      return result;
    });
  }

  #become(limit: number): void {
    this.#limit = Math.max(1, Math.min(limit, this.#max()));
    this.#places.resize(this.#limit);
  }
}
