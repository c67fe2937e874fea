/**
 * What failed logins cost: each answer comes later than the one before, and after too many within a
 * time the address, or the login for addresses that never used it well, is blocked for a while. A
 * login counts the same whether it exists or not, so that nothing can be learnt from it. In memory
 * alone, within bounds: a restart forgives.
 */
import { clientNetwork } from '../base/client-network.ts';
import type { Clock } from '../base/clock.ts';

export type Block = 'address' | 'login';

/** Failures are counted within this time, from the first one on. */
const WINDOW_MS = 10 * 60_000;
const BLOCK_MS = 15 * 60_000;
/** More than one login behind an address may have a wrong password in its settings. */
const PER_ADDRESS = 20;
const PER_LOGIN = 10;
const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 8_000;
/** An address that logged in well is not kept out by what others try with the same login. */
const TRUST_MS = 30 * 24 * 3600_000;
/** Of each table; what was touched longest ago goes first. */
const MAX_ENTRIES = 50_000;

interface Count {
  failures: number;
  readonly since: number;
  blockedUntil: number;
}

export class LoginGuard {
  readonly #clock: Clock;
  readonly #addresses = new Map<string, Count>();
  readonly #logins = new Map<string, Count>();
  /** Address and login that fit, and when they last did. */
  readonly #trusted = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a login may be tried at all. */
  blocked(address: string, login: string): Block | undefined {
    const now = this.#clock.mono();
    const client = clientNetwork(address);
    if ((this.#addresses.get(client)?.blockedUntil ?? 0) > now) return 'address';
    if ((this.#logins.get(login)?.blockedUntil ?? 0) <= now) return undefined;
    const trustedAt = this.#trusted.get(pairOf(client, login)) ?? -Infinity;
    return now - trustedAt < TRUST_MS ? undefined : 'login';
  }

  /** Counts a failure; milliseconds that its answer shall take. */
  failed(address: string, login: string): number {
    const now = this.#clock.mono();
    const ofAddress = count(this.#addresses, clientNetwork(address), now, PER_ADDRESS);
    const ofLogin = count(this.#logins, login, now, PER_LOGIN);
    const wait = FIRST_WAIT_MS * 2 ** (Math.max(ofAddress, ofLogin) - 1);
    return Math.min(wait, MAX_WAIT_MS);
  }

  succeeded(address: string, login: string): void {
    const client = clientNetwork(address);
    // What the address failed with before stays: one good login must not buy many bad ones.
    touch(this.#trusted, pairOf(client, login), this.#clock.mono());
  }
}

function pairOf(client: string, login: string): string {
  return `${client} ${login}`;
}

function count(counts: Map<string, Count>, key: string, now: number, bound: number): number {
  const known = counts.get(key);
  const isOver = known === undefined || now - known.since > WINDOW_MS;
  const entry = isOver
    ? { failures: 0, since: now, blockedUntil: known?.blockedUntil ?? 0 }
    : known;
  entry.failures += 1;
  if (entry.failures >= bound) entry.blockedUntil = now + BLOCK_MS;
  touch(counts, key, entry);
  return entry.failures;
}

function touch<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  for (const oldest of map.keys()) {
    if (map.size < MAX_ENTRIES) break;
    map.delete(oldest);
  }
  map.set(key, value);
}
