/**
 * Domains whose mail an operator holds: it is taken and kept, and nobody at the destination is asked
 * or tried until the hold is ended or its time is over. The store keeps the holds over restarts and
 * gives no claim against them; here they are at hand for every look, and their end is noticed.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { DestinationHold } from '../store/destination-hold.ts';
import type { SpoolStore } from '../store/spool-store.ts';

export interface HoldsOptions {
  readonly store: Pick<SpoolStore, 'holdDest' | 'resumeDest' | 'heldDests'>;
  readonly clock: Clock;
  readonly log: Log;
  /** The mail of a domain is held, or is no more. */
  readonly onChange: (domain: string) => void;
  /** What waits for a domain may go again. */
  readonly onEnd: (domain: string) => void;
  /** A promise that nobody waits for. */
  readonly onFault: (error: unknown) => void;
}

/** Timers hold 31 bits; a look too early does no harm. */
const MAX_TIMER_MS = 2 ** 30;

export class DestinationHolds {
  readonly #options: HoldsOptions;
  readonly #holds = new Map<string, DestinationHold>();
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: HoldsOptions) {
    this.#options = options;
  }

  /** Once the store is open. */
  start(): void {
    for (const hold of this.#options.store.heldDests()) this.#holds.set(hold.dest, hold);
    this.#watch();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.stop();
  }

  of(domain: string): DestinationHold | undefined {
    const hold = this.#holds.get(domain);
    if (hold?.until === undefined) return hold;
    return hold.until > this.#options.clock.now() ? hold : undefined;
  }

  all(): DestinationHold[] {
    return [...this.#holds.keys()].flatMap((domain) => this.of(domain) ?? []);
  }

  /** Resolves when the hold is durable; a later one replaces it. Rejects when the store does. */
  async hold(hold: DestinationHold): Promise<void> {
    const { store, log, onChange } = this.#options;
    await store.holdDest(hold);
    this.#holds.set(hold.dest, hold);
    onChange(hold.dest);
    const { dest: domain, by, text, until } = hold;
    const end = until === undefined ? undefined : new Date(until).toISOString();
    log.emit('dest.hold', { domain, who: by, until: end, text });
    this.#watch();
  }

  /** Whether there was a hold. */
  async resume(domain: string, by: string): Promise<boolean> {
    const { store, log, onChange, onEnd } = this.#options;
    const wasHeld = await store.resumeDest(domain);
    this.#holds.delete(domain);
    onChange(domain);
    if (!wasHeld) return false;
    log.emit('dest.resume', { domain, who: by });
    onEnd(domain);
    return true;
  }

  #watch(): void {
    this.#timer?.stop();
    const now = this.#options.clock.now();
    const ends = [...this.#holds.values()].flatMap(({ until }) => until ?? []);
    if (ends.length === 0 || this.#isStopped) return;
    const waitMs = Math.max(0, ends.reduce((first, end) => Math.min(first, end)) - now);
    this.#timer = this.#options.clock.timer(Math.min(waitMs, MAX_TIMER_MS), () => {
      this.#end().catch(this.#options.onFault);
    });
  }

  async #end(): Promise<void> {
    const now = this.#options.clock.now();
    const over = [...this.#holds.values()].filter(
      ({ until }) => until !== undefined && until <= now,
    );
    for (const { dest } of over) {
      this.#holds.delete(dest);
      await this.#options.store.resumeDest(dest);
      this.#options.onChange(dest);
      this.#options.log.emit('dest.resume', { domain: dest, who: 'gateway', text: 'time is over' });
      this.#options.onEnd(dest);
    }
    this.#watch();
  }
}
