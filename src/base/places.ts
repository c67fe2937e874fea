/**
 * A number of places for work, given in the order it was asked for. The number may change while work
 * is on: fewer places end nothing, they only let the next ones wait longer. Who waits is bounded by
 * those who ask.
 */
export class Places {
  #limit: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }
  get isIdle(): boolean {
    return this.#taken === 0 && this.#waiting.length === 0;
  }

  resize(limit: number): void {
    this.#limit = limit;
    this.#admit();
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    // Whoever waits has found no place free: one that is free is nobody's.
    if (this.#taken < this.#limit) this.#taken += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      this.#taken -= 1;
      this.#admit();
    }
  }

  #admit(): void {
    while (this.#taken < this.#limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#taken += 1;
      next();
    }
  }
}
