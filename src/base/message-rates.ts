/**
 * Messages a second over the last minute, for `sluice status`: a ring of sixty counters, one a
 * second, fed by the log's `tap`.
 */
import type { Clock } from './clock.ts';
import type { EventName, Fields } from './log.ts';

export interface Rates {
  /** Transactions that came in a second, accepted or not. */
  readonly in: number;
  /** Recipients delivered a second. */
  readonly out: number;
}

const SECONDS = 60;

export class MessageRates {
  readonly #clock: Clock;
  readonly #in = new Uint32Array(SECONDS);
  readonly #out = new Uint32Array(SECONDS);
  #second: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#second = Math.floor(clock.mono() / 1000);
  }

  see(evt: EventName, _fields: Fields): void {
    if (evt !== 'msg.in' && evt !== 'rcpt.sent') return;
    const slot = this.#now() % SECONDS;
    const counts = evt === 'msg.in' ? this.#in : this.#out;
    counts[slot] = (counts[slot] ?? 0) + 1;
  }

  perSecond(): Rates {
    this.#now();
    const sum = (counts: Uint32Array) => counts.reduce((all, count) => all + count, 0) / SECONDS;
    return { in: sum(this.#in), out: sum(this.#out) };
  }

  /** The present second; empties the slots of seconds in which nothing was seen. */
  #now(): number {
    const second = Math.floor(this.#clock.mono() / 1000);
    for (let passed = 0; this.#second < second && passed < SECONDS; passed++) {
      this.#second += 1;
      this.#in[this.#second % SECONDS] = 0;
      this.#out[this.#second % SECONDS] = 0;
    }
    this.#second = second;
    return second;
  }
}
