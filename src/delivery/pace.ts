/**
 * How many deliveries a destination gets at once. It begins with few, for it may just have come back
 * with everybody knocking; each delivery that goes well makes room for one more, so the number
 * doubles from round to round up to the configured bound, or grows by one in each round above what
 * was too much before. It halves when the destination puts us off, and goes down by a quarter in each
 * round in which its answers take much longer than at its best, for a server that is pressed answers
 * late long before it refuses. All domains of the destination share it, first come first served.
 */
import type { AttemptResult } from './attempt.ts';
import { Places } from '../base/places.ts';

const FIRST = 2;
/** Weight of the newest delivery in the mean of how long they take. */
const NEWEST = 0.25;
/** So much longer than at its best means that it is pressed; less than a second more is noise. */
const PRESSED_FACTOR = 3;
const PRESSED_MS = 1000;
/** The best is forgotten slowly, or one lucky moment would be the measure for good. */
const FORGET = 0.001;
/** What is left of the limit after a round of slow answers. */
const LESS = 0.75;
/** A megabyte may take a second. */
const BYTES_PER_MS = 1000;

export class Pace {
  readonly #max: () => number;
  readonly #places = new Places(FIRST);
  #limit = FIRST;
  /** How long a delivery takes lately, and took at best; undefined before the first. */
  #meanMs: number | undefined;
  #bestMs = Infinity;
  /** Deliveries since the last careful step; a round has as many as the limit. */
  #sinceStep = 0;
  /** It took too much once: from here on up one more in each round, not for each delivery. */
  #carefulFrom = Infinity;

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
    this.#meanMs = undefined;
    this.#bestMs = Infinity;
    this.#carefulFrom = Infinity;
    this.#become(FIRST);
  }

  /** A delivery took so long; what its size accounts for does not count. */
  took(ms: number, bytes: number): void {
    const own = Math.max(0, ms - bytes / BYTES_PER_MS);
    this.#meanMs = this.#meanMs === undefined ? own : this.#meanMs + (own - this.#meanMs) * NEWEST;
    this.#bestMs = Math.min(this.#meanMs, this.#bestMs * (1 + FORGET) + FORGET);
  }

  /** Waits for a place and does the work in it; `undefined` when nothing was done. */
  run<T extends { readonly result: AttemptResult } | undefined>(
    work: () => Promise<T>,
  ): Promise<T> {
    return this.#places.run(async () => {
      const done = await work();
      if (done?.result === 'put-off') this.#lower(Math.floor(this.#limit / 2));
      else if (done?.result === 'delivered') this.#learn();
      return done;
    });
  }

  get #isPressed(): boolean {
    if (this.#meanMs === undefined) return false;
    return this.#meanMs > Math.max(this.#bestMs * PRESSED_FACTOR, this.#bestMs + PRESSED_MS);
  }

  #learn(): void {
    const isPressed = this.#isPressed;
    if (!isPressed && this.#limit < this.#carefulFrom) return this.#become(this.#limit + 1);
    this.#sinceStep += 1;
    if (this.#sinceStep < this.#limit) return;
    this.#sinceStep = 0;
    if (isPressed) this.#lower(Math.floor(this.#limit * LESS));
    else this.#become(this.#limit + 1);
  }

  #lower(limit: number): void {
    this.#carefulFrom = Math.max(limit, FIRST);
    this.#become(limit);
  }

  #become(limit: number): void {
    this.#limit = Math.max(1, Math.min(limit, this.#max()));
    this.#places.resize(this.#limit);
  }
}
