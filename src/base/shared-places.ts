/**
 * A number of places for work of several owners who know nothing of each other: nobody gets one more
 * who has as many as are free. So one alone has half of them at most, two have a third each, and
 * however long they keep theirs, the next one finds a place. Among those who wait, who has fewest is
 * first.
 */
interface Share {
  taken: number;
  readonly waiting: (() => void)[];
}

export class SharedPlaces {
  readonly #limit: number;
  readonly #shares = new Map<string, Share>();
  #taken = 0;
  #waiting = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Undefined, and nothing was begun, when the owner would have to wait. */
  tryRun<T>(owner: string, work: () => Promise<T>): Promise<T> | undefined {
    const taken = this.#shares.get(owner)?.taken ?? 0;
    return taken < this.#free ? this.run(owner, work) : undefined;
  }

  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    let share = this.#shares.get(owner);
    if (share === undefined) this.#shares.set(owner, (share = { taken: 0, waiting: [] }));
    // Whoever waits has as many as are free, or he would have been let in: who has fewer is next.
    if (share.taken < this.#free) this.#take(share);
    else await this.#wait(share);
    try {
      return await work();
    } finally {
      this.#taken -= 1;
      share.taken -= 1;
      if (share.taken === 0 && share.waiting.length === 0) this.#shares.delete(owner);
      this.#admit();
    }
  }

  get #free(): number {
    return this.#limit - this.#taken;
  }

  #take(share: Share): void {
    this.#taken += 1;
    share.taken += 1;
  }

  #wait(share: Share): Promise<void> {
    this.#waiting += 1;
    return new Promise((resolve) => share.waiting.push(resolve));
  }

  #admit(): void {
    while (this.#waiting > 0 && this.#free > 0) {
      const waiting = [...this.#shares.values()].filter((share) => share.waiting.length > 0);
      const next = waiting.reduce<Share | undefined>(
        (fewest, share) => (fewest === undefined || share.taken < fewest.taken ? share : fewest),
        undefined,
      );
      if (next === undefined || next.taken >= this.#free) return;
      this.#take(next);
      this.#waiting -= 1;
      next.waiting.shift()?.();
    }
  }
}
