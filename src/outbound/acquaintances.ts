/**
 * Whom an account has written to before, for those whose number of new recipients a day is limited.
 * Remembered for a year from the last mail; losing one costs a place in the limit, never mail. Those
 * written to of late are known without asking the store.
 */
import type { Clock } from '../base/clock.ts';
import type { Account } from '../directory/account.ts';
import type { Address } from '../mail/address.ts';
import { formatAddress } from '../mail/address.ts';
import type { TtlMap } from '../store/ttl-map.ts';

const NAMESPACE = 'written-to';
const DAY = 86_400_000;
const KEEP_MS = 365 * DAY;
/** What is remembered for less than this is written anew. */
const RENEW_MS = KEEP_MS - 30 * DAY;
const MAX_LATELY = 10_000;
const NOTHING = Buffer.from('1');

export class Acquaintances {
  readonly #map: Pick<TtlMap, 'get' | 'put'>;
  readonly #clock: Clock;
  /** Until when they are remembered; the one asked for last comes last. */
  readonly #lately = new Map<string, number>();

  constructor(map: Pick<TtlMap, 'get' | 'put'>, clock: Clock) {
    this.#map = map;
    this.#clock = clock;
  }

  nameOf(address: Address): string {
    return formatAddress(address).toLowerCase();
  }

  /** Never so where it does not matter. */
  async isStranger(account: Account, address: Address): Promise<boolean> {
    if (!doesMatter(account)) return false;
    const key = keyOf(account, this.nameOf(address));
    const until = this.#lately.get(key) ?? (await this.#map.get(NAMESPACE, key))?.expiresAt ?? 0;
    if (until <= this.#clock.now()) return true;
    this.#keep(key, until);
    return false;
  }

  /** Mail to them was taken. */
  async met(account: Account, addresses: readonly Address[]): Promise<void> {
    if (!doesMatter(account)) return;
    const now = this.#clock.now();
    const keys = new Set(addresses.map((address) => keyOf(account, this.nameOf(address))));
    const old = [...keys].filter((key) => (this.#lately.get(key) ?? 0) - now < RENEW_MS);
    await Promise.all(
      old.map(async (key) => {
        await this.#map.put(NAMESPACE, key, NOTHING, KEEP_MS);
        this.#keep(key, now + KEEP_MS);
      }),
    );
  }

  #keep(key: string, until: number): void {
    this.#lately.delete(key);
    this.#lately.set(key, until);
    if (this.#lately.size <= MAX_LATELY) return;
    for (const oldest of this.#lately.keys()) {
      this.#lately.delete(oldest);
      break;
    }
  }
}

function doesMatter({ limits }: Account): boolean {
  return limits.newRecipients.day !== undefined;
}

function keyOf({ name }: Account, recipient: string): string {
  return `${name}\t${recipient}`;
}
