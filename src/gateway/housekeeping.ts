/**
 * What must be looked after now and then, without hurry: values, counters and quarantined mail
 * whose time is over leave the store, and the recipient memory counts itself. Holds up nobody; trouble
 * is logged and tried again.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { RecipientMemory } from '../pipeline/recipient-memory.ts';
import type { Quarantine } from '../quarantine/quarantine.ts';
import type { Limits } from '../outbound/limits.ts';
import type { CounterStore } from '../store/counter-store.ts';
import type { TtlMap } from '../store/ttl-map.ts';

const EVERY_MS = 3600 * 1000;
/** In one go; the rest has time until the next. */
const MAX_SWEPT = 200_000;

export interface HousekeepingOptions {
  readonly ttl: TtlMap;
  readonly counters: Pick<CounterStore, 'sweep'>;
  readonly memory: RecipientMemory;
  readonly quarantine: Pick<Quarantine, 'expire'>;
  /** What it has taken ahead goes back at the end. */
  readonly limits: Pick<Limits, 'stop'>;
  readonly clock: Clock;
  readonly log: Log;
}

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #stopped = new AbortController();
  #timer: Timer | undefined;
  #round: Promise<void> = Promise.resolve();

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#begin();
  }

  /** Waits for a round that is under way: the store closes after it. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#timer?.stop();
    await this.#round;
    await this.#options.limits.stop();
  }

  #begin(): void {
    const { clock, log } = this.#options;
    this.#round = this.#clean()
      .catch((error: unknown) => log.emit('store.error', { err: errorText(error) }))
      .then(() => {
        if (this.#stopped.signal.aborted) return;
        this.#timer = clock.timer(EVERY_MS, () => this.#begin());
      });
  }

  async #clean(): Promise<void> {
    const { ttl, counters, memory, quarantine } = this.#options;
    await memory.count(this.#stopped.signal);
    if (!this.#stopped.signal.aborted) await ttl.sweep(MAX_SWEPT);
    if (!this.#stopped.signal.aborted) await counters.sweep(MAX_SWEPT);
    if (!this.#stopped.signal.aborted) await quarantine.expire(this.#stopped.signal);
  }
}
