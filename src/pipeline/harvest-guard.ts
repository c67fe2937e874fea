/**
 * Guards against harvesting of addresses, over all sessions of a client: who names many recipients
 * that are unknown or not ours is answered slowly first, and then sent away for now. Never for good,
 * for a client may have an old list and real mail as well. Exempt networks are never counted; a
 * customer is counted by his account, with a larger measure: we know who he is, but not who has got
 * hold of his password.
 */
import { clientNetwork } from '../base/client-network.ts';
import type { Clock } from '../base/clock.ts';
import type { Ending } from '../base/lazy-abort.ts';
import { LeakyBuckets } from '../base/leaky-buckets.ts';

export interface HarvestLimits {
  /** Unknown recipients of one client in an hour. */
  readonly perHour: number;
  readonly isExempt: (address: string) => boolean;
}

export interface Client {
  readonly address: string;
  /** The customer's account by which it sends. */
  readonly account?: string | undefined;
}

export type Standing = 'good' | 'guessing' | 'shut-out';

/** Clients at once; of more, those longest quiet are forgotten. */
const MAX_CLIENTS = 100_000;
/** From this share of the limit on, a refusal takes its time. */
const GUESSING_SHARE = 0.5;
/** How much more a customer may name than a stranger. */
const CUSTOMER_MEASURE = 10;
/** Long against the milliseconds of a refusal, short against the minutes that clients wait. */
const SLOW_MS = 3_000;

export class HarvestGuard {
  readonly #clock: Clock;
  readonly #refused: LeakyBuckets;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#refused = new LeakyBuckets(clock, MAX_CLIENTS);
  }

  standing(client: Client, limits: HarvestLimits): Standing {
    const perHour = measureOf(client, limits.perHour);
    const level = this.#refused.level(nameOf(client), perHour);
    if (isGood(level, perHour) || limits.isExempt(client.address)) return 'good';
    return level >= perHour - 1 ? 'shut-out' : 'guessing';
  }

  /** Counts a refused recipient; a promise asks to wait before the client hears of it. */
  refused(
    client: Client,
    limits: HarvestLimits,
    over: Pick<Ending, 'signal'>,
  ): Promise<void> | undefined {
    if (limits.isExempt(client.address)) return undefined;
    const perHour = measureOf(client, limits.perHour);
    // A little over the limit and no more: who goes on trying is not shut out for days.
    const level = this.#refused.add(nameOf(client), perHour, perHour);
    if (isGood(level, perHour)) return undefined;
    // A client that leaves meanwhile has no more to hear.
    return this.#clock.sleep(SLOW_MS, over.signal).catch(() => undefined);
  }
}

function isGood(level: number, perHour: number): boolean {
  return level < perHour * GUESSING_SHARE;
}

/** Of a limit on unknown recipients. */
export function measureOf({ account }: Client, limit: number): number {
  return account === undefined ? limit : limit * CUSTOMER_MEASURE;
}

/** No address has a space in it. */
function nameOf({ address, account }: Client): string {
  return account === undefined ? clientNetwork(address) : `account ${account}`;
}
