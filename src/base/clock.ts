/**
 * Time, the only door to it. Everything that waits, measures or stamps takes a `Clock`, so the same
 * code runs on a virtual clock in tests. All times are milliseconds; `now` counts since the Unix
 * epoch and may jump when the system's clock is set, `mono` never runs backwards.
 */
import { performance } from 'node:perf_hooks';

export interface Clock {
  now(): number;
  mono(): number;
  /** Resolves after `ms`, or rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once after `ms`; the returned timer can be stopped or started anew. */
  timer(ms: number, fn: () => void): Timer;
}

export interface Timer {
  /** Starts the full interval anew; cheap enough to be called for each input chunk. */
  restart(): void;
  stop(): void;
}

class SystemTimer implements Timer {
  readonly #timeout: NodeJS.Timeout;

  constructor(ms: number, fn: () => void) {
    this.#timeout = setTimeout(fn, ms);
  }

  restart(): void {
    this.#timeout.refresh();
  }
  stop(): void {
    clearTimeout(this.#timeout);
  }
}

/** Of what is stored by the date; a clock that was set back makes no time negative. */
export function secondsSince(then: number, now: number): number {
  return Math.max(0, now - then) / 1000;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  mono: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
  timer: (ms, fn) => new SystemTimer(ms, fn),
};
