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
import type { ScramProof } from '../base/scram-keys.ts';
import {
  isProof,
  ITERATIONS,
  SALT_BYTES,
  serverSignature,
  unmatchedScramKeys,
} from '../base/scram-keys.ts';
import { Places } from '../base/places.ts';
import type { Account, Accounts } from '../directory/account.ts';
import { loginKey } from '../directory/account.ts';
import type { Block } from './login-guard.ts';
import { LoginGuard } from './login-guard.ts';

export interface Login {
  readonly user: string;
  /** The password itself, or the proof that the client knows it. */
  readonly secret: Uint8Array | ScramProof;
  /** The client's. */
  readonly address: string;
}

export type LoginResult =
  | { readonly kind: 'right'; readonly account: Account; readonly signature?: Buffer }
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
  readonly #noKeys = unmatchedScramKeys();
  /** Makes salts for names that are no account, the same ones after a restart. */
  readonly #saltSecret: string;
  /** Of no use to whoever reads our memory later: it is made anew at each start. */
  readonly #secret = randomToken(32);
  /** Until when, by a digest of login, password and hash. */
  readonly #known = new Map<string, number>();
  #waiting = 0;

  constructor(clock: Clock, saltSecret: string) {
    this.#clock = clock;
    this.#saltSecret = saltSecret;
    this.#guard = new LoginGuard(clock);
  }

  /** What SCRAM says of a name. One without keys gets a salt that looks like all others. */
  saltOf(accounts: Accounts, user: string): { readonly salt: Buffer; readonly iterations: number } {
    const hash = hashOf(accounts.byLogin(user));
    if (hash?.kind === 'scram') return hash;
    const digest = createHmac('sha256', this.#saltSecret).update(loginKey(user)).digest();
    return { salt: digest.subarray(0, SALT_BYTES), iterations: ITERATIONS };
  }

  /** A wrong one is answered late. Rejects with the signal's reason when the client goes. */
  async check(accounts: Accounts, login: Login, signal: AbortSignal): Promise<LoginResult> {
    const { user, secret, address } = login;
    const startedAt = this.#clock.mono();
    const key = loginKey(user);
    const by = this.#guard.blocked(address, key);
    if (by !== undefined) return { kind: 'blocked', by };
    const account = accounts.byLogin(user);
    const stored = hashOf(account);
    const keys = stored?.kind === 'scram' ? stored : this.#noKeys;
    const mayTry = () => this.#guard.blocked(address, key) === undefined;
    const isRight =
      'proof' in secret
        ? isProof(secret, keys)
        : await this.#fits(key, secret, stored ?? this.#nobody, mayTry);
    // Others that were tried at the same time may have used up what there was.
    const meanwhile = this.#guard.blocked(address, key);
    if (meanwhile !== undefined) return { kind: 'blocked', by: meanwhile };
    if (isRight === undefined) return { kind: 'busy' };
    if (isRight && account !== undefined && stored !== undefined) {
      this.#guard.succeeded(address, key);
      if (!('proof' in secret)) return { kind: 'right', account };
      return { kind: 'right', account, signature: serverSignature(secret.messages, keys) };
    }
    // The time that the hash took tells of which kind it was, or that there is none.
    const waitMs = this.#guard.failed(address, key) - (this.#clock.mono() - startedAt);
    await this.#clock.sleep(Math.max(waitMs, 0), signal);
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

/** What a login was right by: another text means that it has to be shown anew. */
export function credentialOf(accounts: Accounts, user: string): string | undefined {
  const hash = hashOf(accounts.byLogin(user));
  return hash && formatPasswordHash(hash);
}

function hashOf(account: Account | undefined): PasswordHash | undefined {
  return account !== undefined && 'password' in account.by ? account.by.password : undefined;
}
