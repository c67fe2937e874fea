/**
 * Guards against harvesting of addresses, over all sessions of a client: who names many recipients
 * that are unknown or not ours is answered slowly first, and then sent away for now. Never for good,
 * for a client may have an old list and real mail as well. Exempt networks are never counted.
 */
import { clientNetwork } from '../base/client-network.ts';
import type { Clock } from '../base/clock.ts';
import { LeakyBuckets } from '../base/leaky-buckets.ts';

export interface HarvestLimits {
  /** Unknown recipients of one client in an hour. */
  readonly perHour: number;
  readonly isExempt: (address: string) => boolean;
}

export type Standing = 'good' | 'guessing' | 'shut-out';

/** Clients at once; of more, those longest quiet are forgotten. */
const MAX_CLIENTS = 100_000;
/** From this share of the limit on, a refusal takes its time. */
const GUESSING_SHARE = 0.5;
/** Long against the milliseconds of a refusal, short against the minutes that clients wait. */
const SLOW_MS = 3_000;

export class HarvestGuard {
  readonly #clock: Clock;
  readonly #refused: LeakyBuckets;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#refused = new LeakyBuckets(clock, MAX_CLIENTS);
  }

  standing(address: string, { perHour, isExempt }: HarvestLimits): Standing {
    const level = this.#refused.level(clientNetwork(address), perHour);
    if (level < perHour * GUESSING_SHARE || isExempt(address)) return 'good';
    return level >= perHour - 1 ? 'shut-out' : 'guessing';
  }

  /** Counts a refused recipient; resolves when the client may hear of it. */
  async refused(address: string, limits: HarvestLimits, signal: AbortSignal): Promise<void> {
    if (limits.isExempt(address)) return;
    // A little over the limit and no more: who goes on trying is not shut out for days.
    this.#refused.add(clientNetwork(address), limits.perHour, limits.perHour);
    if (this.standing(address, limits) === 'good') return;
    // A client that leaves meanwhile has no more to hear.
    await this.#clock.sleep(SLOW_MS, signal).catch(() => undefined);
  }
}
