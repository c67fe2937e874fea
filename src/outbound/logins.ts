/**
 * Logins against the accounts: right, wrong, blocked, or not now. An unknown account costs what a
 * wrong password costs, in time and in words. Hashing runs beside the event loop, few at a time; a
 * login that was right is known again for a while without it. Never throws for a wrong password,
 * never tells anybody a password, never keeps one.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { randomToken } from '../base/ids.ts';
import { formatPasswordHash, isPassword, unmatchedHash } from '../base/password-hash.ts';
import type { PasswordHash } from '../base/password-hash.ts';
import { Places } from '../base/places.ts';
import type { Account, Accounts } from '../directory/account.ts';
import { loginKey } from '../directory/account.ts';
import type { Block } from './login-guard.ts';
import { LoginGuard } from './login-guard.ts';

export interface Login {
  readonly user: string;
  readonly password: Uint8Array;
  /** The client's. */
  readonly address: string;
}

export type LoginResult =
  | { readonly kind: 'right'; readonly account: Account }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'blocked'; readonly by: Block }
  /** Too many logins are being checked. */
  | { readonly kind: 'busy' };

/** Hashes at once: the threads that make them are those that serve files and the store, four. */
const AT_ONCE = 2;
const MAX_WAITING = 100;
/** How long a right login is known without hashing, and of how many. */
const KNOWN_MS = 10 * 60_000;
const MAX_KNOWN = 10_000;

export class Logins {
  readonly #clock: Clock;
  readonly #guard: LoginGuard;
  readonly #places = new Places(AT_ONCE);
  readonly #nobody: PasswordHash = unmatchedHash();
  /** Of no use to whoever reads our memory later: it is made anew at each start. */
  readonly #secret = randomToken(32);
  /** Until when, by a digest of login, password and hash. */
  readonly #known = new Map<string, number>();
  #waiting = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#guard = new LoginGuard(clock);
  }

  /** A wrong one is answered late. Rejects with the signal's reason when the client goes. */
  async check(accounts: Accounts, login: Login, signal: AbortSignal): Promise<LoginResult> {
    const { user, password, address } = login;
    const key = loginKey(user);
    const by = this.#guard.blocked(address, key);
    if (by !== undefined) return { kind: 'blocked', by };
    const account = accounts.byLogin(user);
    const stored = account === undefined || account.by.kind === 'address' ? undefined : account.by;
    const hash = stored?.password ?? this.#nobody;
    const mayTry = () => this.#guard.blocked(address, key) === undefined;
    const isRight = await this.#fits(key, password, hash, mayTry);
    // Others that were tried at the same time may have used up what there was.
    const meanwhile = this.#guard.blocked(address, key);
    if (meanwhile !== undefined) return { kind: 'blocked', by: meanwhile };
    if (isRight === undefined) return { kind: 'busy' };
    if (isRight && account !== undefined && stored?.password !== undefined) {
      this.#guard.succeeded(address, key);
      return { kind: 'right', account };
    }
    await this.#clock.sleep(this.#guard.failed(address, key), signal);
    return { kind: 'wrong' };
  }

  /** Undefined when there is no room to find out. */
  async #fits(
    key: string,
    password: Uint8Array,
    hash: PasswordHash,
    mayTry: () => boolean,
  ): Promise<boolean | undefined> {
    const digest = createHmac('sha256', this.#secret)
      .update(`${key}\0${formatPasswordHash(hash)}\0`)
      .update(password)
      .digest('base64');
    const now = this.#clock.mono();
    if ((this.#known.get(digest) ?? 0) > now) return true;
    if (this.#waiting >= MAX_WAITING) return undefined;
    this.#waiting += 1;
    try {
      const isRight = await this.#places.run(async () => mayTry() && isPassword(password, hash));
      if (isRight) this.#remember(digest, now + KNOWN_MS);
      return isRight;
    } finally {
      this.#waiting -= 1;
    }
  }

  #remember(digest: string, until: number): void {
    this.#known.delete(digest);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
    this.#known.set(digest, until);
  }
}
