/**
 * Probes of destinations that are down, or may be: one at a time for each, at a steady interval,
 * whether or not mail waits for it, for callouts wait too; less often while so many are down that it
 * would be work. What a probe finds goes to the destination's health; here nothing is concluded from
 * it.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { Destination } from '../directory/domain.ts';
import type { Courier } from './courier.ts';
import type { HealthBook } from './destination-health.ts';

export interface ProbesOptions {
  readonly courier: Pick<Courier, 'probe'>;
  readonly clock: Clock;
  readonly health: Pick<HealthBook, 'isDown'>;
  /** Both as configured now: all destinations, and where the mail that waits goes. */
  readonly destinations: () => readonly Destination[];
  readonly awaited: () => readonly (Destination | undefined)[];
  /** Read anew at each use. */
  readonly everyMs: (key: string) => number;
  readonly signal: AbortSignal;
  /** Takes a promise that nobody else waits for. */
  readonly supervise: (work: Promise<void>) => void;
}

interface Watch {
  /** Until the next probe; undefined while one is under way. */
  timer: Timer | undefined;
  /** When it begins or began. */
  readonly at: number;
  /** As configured, however long it becomes. */
  readonly everyMs: number;
}

/** Some hundred probes in a second at most: what is asked often waits for what is asked as often. */
const APART_MS = 10;

export class Probes {
  readonly #options: ProbesOptions;
  readonly #watches = new Map<string, Watch>();

  constructor(options: ProbesOptions) {
    this.#options = options;
  }

  /** Sees to it that the destination is probed once, an interval from now at the latest. */
  watch(destination: Destination): void {
    const { clock, everyMs, signal } = this.#options;
    if (this.#watches.has(destination.key) || signal.aborted) return;
    const wantedMs = everyMs(destination.key);
    let others = 0;
    for (const other of this.#watches.values()) if (other.everyMs <= wantedMs) others += 1;
    const ms = Math.max(wantedMs, others * APART_MS);
    const watch: Watch = { timer: undefined, at: clock.now() + ms, everyMs: wantedMs };
    watch.timer = clock.timer(ms, () => this.#probe(destination, watch));
    this.#watches.set(destination.key, watch);
  }

  /** All configured ones that are down. */
  watchAll(): void {
    for (const destination of this.#down()) this.watch(destination);
  }

  /** It could not be reached, and nothing more is known. */
  doubted(key: string): void {
    if (this.#watches.has(key)) return;
    const { destinations, awaited } = this.#options;
    const isMeant = (one: Destination | undefined) => one?.key === key;
    const destination = destinations().find(isMeant) ?? awaited().find(isMeant);
    if (destination !== undefined) this.watch(destination);
  }

  /** Somebody wants to know at once. */
  now(destination: Destination): void {
    this.watch(destination);
    const watch = this.#watches.get(destination.key);
    if (watch?.timer !== undefined) this.#probe(destination, watch);
  }

  /** The same of all configured ones that are down. */
  nowAll(): void {
    for (const destination of this.#down()) this.now(destination);
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

  #down(): readonly Destination[] {
    const { destinations, health } = this.#options;
    return destinations().filter(({ key }) => health.isDown(key));
  }

  #probe(destination: Destination, watch: Watch): void {
    const { courier, health, signal, supervise } = this.#options;
    const { key } = destination;
    watch.timer?.stop();
    watch.timer = undefined;
    const probed = courier.probe(destination, signal).finally(() => {
      if (this.#watches.get(key) === watch) this.#watches.delete(key);
      if (health.isDown(key)) this.doubted(key);
    });
    supervise(probed.then(() => undefined));
  }
}
