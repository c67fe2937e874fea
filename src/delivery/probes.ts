/**
 * Probes of destinations that are down: one at a time for each, at a steady interval, whether or not
 * mail waits for it, for callouts wait too. What a probe finds goes to the destination's health;
 * here nothing is concluded from it.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { Destination } from '../directory/domain.ts';
import type { Courier } from './courier.ts';

export interface ProbesOptions {
  readonly courier: Pick<Courier, 'probe'>;
  readonly clock: Clock;
  /** Read anew at each use. */
  readonly everyMs: (key: string) => number;
  readonly signal: AbortSignal;
  /** A probe has ended; whoever still wants the destination watched says so again. */
  readonly onProbed: () => void;
  /** Takes a promise that nobody else waits for. */
  readonly supervise: (work: Promise<void>) => void;
}

interface Watch {
  /** Until the next probe; undefined while one is under way. */
  timer: Timer | undefined;
  /** When it begins or began. */
  readonly at: number;
}

export class Probes {
  readonly #options: ProbesOptions;
  readonly #watches = new Map<string, Watch>();

  constructor(options: ProbesOptions) {
    this.#options = options;
  }

  /** Sees to it that the destination is probed once, an interval from now at the latest. */
  watch(destination: Destination): void {
    if (this.#watches.has(destination.key)) return;
    const { clock, everyMs } = this.#options;
    const ms = everyMs(destination.key);
    const watch: Watch = { timer: undefined, at: clock.now() + ms };
    watch.timer = clock.timer(ms, () => this.#probe(destination, watch));
    this.#watches.set(destination.key, watch);
  }

  /** Somebody wants to know at once. */
  now(destination: Destination): void {
    this.watch(destination);
    const watch = this.#watches.get(destination.key);
    if (watch?.timer !== undefined) this.#probe(destination, watch);
  }

  /** When the next one begins; in the past while it is under way, undefined when none is planned. */
  nextAt(key: string): number | undefined {
    return this.#watches.get(key)?.at;
  }

  /** It is back. */
  forget(key: string): void {
    this.#watches.get(key)?.timer?.stop();
    this.#watches.delete(key);
  }

  stop(): void {
    for (const key of this.#watches.keys()) this.forget(key);
  }

  #probe(destination: Destination, watch: Watch): void {
    const { courier, signal, supervise, onProbed } = this.#options;
    watch.timer?.stop();
    watch.timer = undefined;
    const probed = courier.probe(destination, signal).finally(() => {
      if (this.#watches.get(destination.key) === watch) this.#watches.delete(destination.key);
      onProbed();
    });
    supervise(probed.then(() => undefined));
  }
}
