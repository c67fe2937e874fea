/**
 * A clock that stands still until it is told to advance. Timers fire in order of their time, and
 * before the next one fires everything that can go on without time passing has gone on. A fault left
 * open shows at once: time never passes by itself.
 */
import type { Clock, Timer } from '../../src/base/clock.ts';

interface Pending {
  readonly at: number;
  /** Timers of the same time fire in the order they were set. */
  readonly order: number;
  readonly fire: () => void;
}

/** The start, unless a test wants another: some moment with a readable date. */
const START = Date.UTC(2026, 5, 1);
const MONO_START = 1_000;

export class FakeClock implements Clock {
  #elapsed = 0;
  #skew = 0;
  #order = 0;
  readonly #start: number;
  readonly #settled: () => Promise<void>;
  readonly #pending = new Set<Pending>();

  /** `settled`: once everything has gone on that can without time passing. */
  constructor(start = START, settled: () => Promise<void> = settle) {
    this.#start = start;
    this.#settled = settled;
  }

  now(): number {
    return this.#start + this.#elapsed + this.#skew;
  }
  mono(): number {
    return MONO_START + this.#elapsed;
  }

  timer(ms: number, fn: () => void): Timer {
    let pending: Pending | undefined;
    const stop = () => {
      if (pending !== undefined) this.#pending.delete(pending);
      pending = undefined;
    };
    const restart = () => {
      stop();
      pending = this.#add(ms, () => {
        pending = undefined;
        fn();
      });
    };
    restart();
    return { restart, stop };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#pending.delete(pending);
        reject(signal?.reason as Error);
      };
      const pending = this.#add(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Timers and sleeps that have not fired yet: what a stopped part must not leave behind. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Lets time pass, timer by timer. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await this.#settled();
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.at > end) break;
      this.#elapsed = Math.max(this.#elapsed, next.at);
      this.#pending.delete(next);
      next.fire();
      await this.#settled();
    }
    this.#elapsed = end;
    await this.#settled();
  }

  /** The process that set them has died: none of these timers and sleeps ends. */
  forget(): void {
    this.#pending.clear();
  }

  /** Somebody sets the system's clock: `now` jumps, `mono` does not. */
  skew(ms: number): void {
    this.#skew += ms;
  }

  /** A stall: time has passed and no timer has fired yet. They fire, late, at the next `advance`. */
  stall(ms: number): void {
    this.#elapsed += ms;
  }

  #add(ms: number, fire: () => void): Pending {
    const pending = { at: this.#elapsed + Math.max(ms, 0), order: this.#order++, fire };
    this.#pending.add(pending);
    return pending;
  }

  #next(): Pending | undefined {
    let first: Pending | undefined;
    for (const one of this.#pending) {
      if (first === undefined || one.at < first.at) first = one;
      else if (one.at === first.at && one.order < first.order) first = one;
    }
    return first;
  }
}

/** Lets everything go on that waits for promises only. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Lets everything go on in a world without files and sockets. The event loop turns only for who waits
 * for its next turn: that costs six times as much as what promises need.
 */
export async function settlePromises(): Promise<void> {
  await new Promise<void>((resolve) => process.nextTick(resolve));
  while (process.getActiveResourcesInfo().includes('Immediate')) await settle();
}
