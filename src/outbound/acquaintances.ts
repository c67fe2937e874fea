/**
 * Whom an account has written to before, for those whose number of new recipients a day is limited.
 * Remembered for a year from the last mail; losing one costs a place in the limit, never mail.
 */
import type { Account } from '../directory/account.ts';
import type { Address } from '../mail/address.ts';
import { formatAddress } from '../mail/address.ts';
import type { TtlMap } from '../store/ttl-map.ts';

const NAMESPACE = 'written-to';
const KEEP_MS = 365 * 86_400_000;
const NOTHING = Buffer.from('1');

export class Acquaintances {
  readonly #map: Pick<TtlMap, 'get' | 'put'>;

  constructor(map: Pick<TtlMap, 'get' | 'put'>) {
    this.#map = map;
  }

  nameOf(address: Address): string {
    return formatAddress(address).toLowerCase();
  }

  /** Never so where it does not matter. */
  async isStranger(account: Account, address: Address): Promise<boolean> {
    if (account.limits.newRecipients.day === undefined) return false;
    const key = keyOf(account, this.nameOf(address));
    return (await this.#map.get(NAMESPACE, key)) === undefined;
  }

  async met(account: Account, names: readonly string[]): Promise<void> {
    await Promise.all(
      names.map((name) => this.#map.put(NAMESPACE, keyOf(account, name), NOTHING, KEEP_MS)),
    );
  }
}

function keyOf({ name }: Account, recipient: string): string {
  return `${name}\t${recipient}`;
}
