/**
 * How long a destination lets us wait for its answers to MAIL and RCPT, compared with its own past:
 * who answered in milliseconds and now takes seconds each time slows us down on purpose, or is
 * pressed. Pure; keeps a bounded number of times. Says `slow` and `quick` only when sure.
 */

/** Enough to tell a habit from a bad moment. */
const LOOKED_AT = 20;
const NEEDED = 8;
/** Below this nobody minds. */
const NOTICED_MS = 2000;
const QUICK_MS = NOTICED_MS / 2;
/** So much longer than usual is no accident. */
const FACTOR = 8;
/** Slow whatever was usual. */
const TARPIT_MS = 5000;
/** Weight of the newest in what is usual. */
const NEWEST = 1 / 32;

export interface Pondered {
  /** Of the last answers; the middle one. */
  readonly medianMs: number;
  /** Undefined when it was never quick. */
  readonly usualMs: number | undefined;
}

export class ReplyTimes {
  readonly #last: number[] = [];
  #usualMs: number | undefined;

  constructor(usualMs?: number) {
    this.#usualMs = usualMs;
  }

  /** One more; what it makes of the last ones, or undefined while nothing can be said. */
  add(
    ms: number,
  ): { readonly verdict: 'quick' } | ({ readonly verdict: 'slow' } & Pondered) | undefined {
    this.#last.push(ms);
    if (this.#last.length > LOOKED_AT) this.#last.shift();
    const usualMs = this.#usualMs;
    if (ms < NOTICED_MS) this.#usualMs = usualMs === undefined ? ms : mean(usualMs, ms);
    if (this.#last.length < NEEDED) return undefined;
    if (this.#last.filter((one) => one < QUICK_MS).length > this.#last.length / 2)
      return { verdict: 'quick' };
    const medianMs = this.#last.toSorted((a, b) => a - b)[this.#last.length >> 1] ?? 0;
    const bound = usualMs === undefined ? TARPIT_MS : Math.min(TARPIT_MS, usualMs * FACTOR);
    if (medianMs >= Math.max(NOTICED_MS, bound)) return { verdict: 'slow', medianMs, usualMs };
    return undefined;
  }
}

function mean(before: number, now: number): number {
  return before + (now - before) * NEWEST;
}
