/**
 * The first and the last of many, in bounded memory: who wants something overlooked can put any number
 * before it or behind it, but not know both ends.
 */
export class Ends<T> {
  readonly #half: number;
  readonly #first: T[] = [];
  /** A ring, once it is full. */
  readonly #last: T[] = [];
  #count = 0;

  /** Holds at most `most`. */
  constructor(most: number) {
    this.#half = Math.ceil(most / 2);
  }

  get count(): number {
    return this.#count;
  }

  add(one: T): void {
    this.#count++;
    if (this.#first.length < this.#half) this.#first.push(one);
    else this.#last[(this.#count - 1) % this.#half] = one;
  }

  /** In the order they came. */
  all(): T[] {
    const behind = this.#count - this.#first.length;
    const start = behind > this.#half ? this.#count % this.#half : 0;
    return [...this.#first, ...this.#last.slice(start), ...this.#last.slice(0, start)];
  }
}
