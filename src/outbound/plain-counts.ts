/**
 * Counts without a limit, for people to look at: gathered here and written together a little later,
 * so that mail never waits for them. They belong to the window in which they are written. A crash
 * loses the last second of them, trouble of the store what it could not keep.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import type { CounterStore, Demand } from '../store/counter-store.ts';

export interface PlainCountsOptions {
  readonly counters: Pick<CounterStore, 'take'>;
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}

interface Gathered {
  readonly demand: Demand;
  by: number;
}

const WRITE_MS = 1000;
/** With so many keys they are written at once; what comes on top meanwhile goes uncounted. */
const MOST_KEYS = 5000;
/** Written together, so that nothing else waits long meanwhile. */
const TOGETHER = 200;

export class PlainCounts {
  readonly #options: PlainCountsOptions;
  readonly #gathered = new Map<string, Gathered>();
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** A write that waits for the one before it. */
  #next: Promise<void> | undefined;

  constructor(options: PlainCountsOptions) {
    this.#options = options;
  }

  add(demand: Demand, by: number): void {
    const known = this.#gathered.get(demand.key);
    if (known !== undefined) known.by += by;
    else if (this.#gathered.size < MOST_KEYS) this.#gathered.set(demand.key, { demand, by });
    if (this.#gathered.size === MOST_KEYS) void this.settle();
    else this.#timer ??= this.#options.clock.timer(WRITE_MS, () => void this.settle());
  }

  /** Resolves when all of it is written, or told as a fault. */
  settle(): Promise<void> {
    this.#timer?.stop();
    this.#timer = undefined;
    if (this.#gathered.size === 0) return this.#writing;
    this.#next ??= this.#writing.then(() => this.#write());
    this.#writing = this.#next;
    return this.#writing;
  }

  async #write(): Promise<void> {
    this.#next = undefined;
    const gathered = [...this.#gathered.values()];
    this.#gathered.clear();
    for (let from = 0; from < gathered.length; from += TOGETHER) {
      const some = gathered.slice(from, from + TOGETHER);
      const results = await Promise.allSettled(
        some.map(({ demand, by }) => this.#options.counters.take([demand], by)),
      );
      for (const result of results) {
        if (result.status !== 'rejected' || isFull(result.reason)) continue;
        this.#options.onFault(result.reason);
        return;
      }
    }
  }
}

/** With no room for one more key it goes uncounted. */
function isFull(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'LIMIT';
}
