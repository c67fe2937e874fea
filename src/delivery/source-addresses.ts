/**
 * From which of our addresses mail goes to servers that nobody configured, and the name that each says in
 * EHLO. Mail for one domain goes from one address, for receivers remember who sent what; mail of a class
 * that has addresses of its own goes from those alone. An address that is new is warmed up: in its first
 * weeks it takes only so much a day, and the others the rest. One that this machine does not have now is
 * passed over.
 */
import { hash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { TtlMap } from '../store/ttl-map.ts';

export interface SourceAddress {
  readonly address: string;
  /** Said in EHLO; undefined: the gateway's. */
  readonly hostname: string | undefined;
  /** Classes of mail that it is for; none: for all that have no addresses of their own. */
  readonly classes: readonly string[];
  /** The first day of its use, milliseconds since the epoch; undefined: it is known already. */
  readonly newSince: number | undefined;
}

export interface SourceAddressesOptions {
  /** In force now. */
  readonly sources: () => readonly SourceAddress[];
  readonly map: Pick<TtlMap, 'get' | 'put'>;
  readonly clock: Clock;
  readonly log: Log;
}

const NAMESPACE = 'source-use';
const DAY_MS = 24 * 3600 * 1000;
/** Messages on the first day; twice as many on each that follows. */
const FIRST_DAY = 50;
const WARM_DAYS = 14;
/** Interfaces are looked at so often at most. */
const LOOK_MS = 10_000;

export class SourceAddresses {
  readonly #options: SourceAddressesOptions;
  /** Messages by address and day. */
  readonly #used = new Map<string, number>();
  #here: { readonly addresses: ReadonlySet<string>; readonly until: number } | undefined;

  constructor(options: SourceAddressesOptions) {
    this.#options = options;
  }

  /** What new addresses have sent today. */
  async start(): Promise<void> {
    const { sources, map, clock } = this.#options;
    for (const { address, newSince } of sources()) {
      if (newSince === undefined) continue;
      const key = keyOf(address, clock.now());
      const entry = await map.get(NAMESPACE, key);
      const count = Number(Buffer.from(entry?.value ?? []).toString());
      if (Number.isSafeInteger(count) && count > 0) this.#used.set(key, count);
    }
  }

  /** The addresses that a class of mail shares with nobody; undefined: it goes with all the rest. */
  poolOf(mailClass: string | undefined): string | undefined {
    if (mailClass === undefined) return undefined;
    return this.#options.sources().some(({ classes }) => classes.includes(mailClass))
      ? mailClass
      : undefined;
  }

  /** `to` is the address of the host. Undefined: whatever the system chooses. */
  choose(domain: string, to: string, pool: string | undefined): SourceAddress | undefined {
    const fit = this.#options.sources().filter(({ address, classes }) => {
      const isOfPool = pool === undefined ? classes.length === 0 : classes.includes(pool);
      return isOfPool && isIPv6(address) === isIPv6(to) && this.#isHere(address);
    });
    const free = fit.filter((source) => this.#hasRoom(source));
    // With none that has room new ones do more than they should: mail is not kept for that.
    return favourite(domain, free.length > 0 ? free : fit);
  }

  /** A message went from an address. */
  sent(address: string): void {
    const { sources, map, clock, log } = this.#options;
    const source = sources().find((one) => one.address === address);
    if (source?.newSince === undefined) return;
    const key = keyOf(address, clock.now());
    const count = (this.#used.get(key) ?? 0) + 1;
    // Those of days before are of no use any more.
    for (const old of this.#used.keys()) {
      if (old !== key && old.startsWith(`${address} `)) this.#used.delete(old);
    }
    this.#used.set(key, count);
    map
      .put(NAMESPACE, key, Buffer.from(String(count)), 2 * DAY_MS)
      .catch((error: unknown) => log.emit('store.error', { err: errorText(error) }));
  }

  #hasRoom({ address, newSince }: SourceAddress): boolean {
    if (newSince === undefined) return true;
    const now = this.#options.clock.now();
    const limit = warmUpLimit(newSince, now);
    return (this.#used.get(keyOf(address, now)) ?? 0) < limit;
  }

  #isHere(address: string): boolean {
    const now = this.#options.clock.mono();
    if (this.#here === undefined || this.#here.until <= now) {
      const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
      const addresses = new Set(all.map((one) => one.address));
      this.#here = { addresses, until: now + LOOK_MS };
    }
    // All of this network is loopback's, though one address of it is named.
    return this.#here.addresses.has(address) || address.startsWith('127.');
  }
}

/** Messages that a new address may send on the day of `now`; infinite when it is new no more. */
export function warmUpLimit(newSince: number, now: number): number {
  const days = Math.floor(now / DAY_MS) - Math.floor(newSince / DAY_MS);
  if (days >= WARM_DAYS) return Infinity;
  return days < 0 ? 0 : FIRST_DAY * 2 ** days;
}

/** The highest of lots that each draws for this domain: one more or less moves few domains. */
function favourite(domain: string, sources: readonly SourceAddress[]): SourceAddress | undefined {
  let best: { readonly source: SourceAddress; readonly lot: string } | undefined;
  for (const source of sources) {
    const lot = hash('sha1', `${source.address} ${domain}`);
    if (best === undefined || lot > best.lot) best = { source, lot };
  }
  return best?.source;
}

function keyOf(address: string, at: number): string {
  return `${address} ${new Date(at).toISOString().slice(0, 10)}`;
}
