/**
 * Locks of accounts and of the identities behind them. Spam and viruses are strikes; more than a
 * number of them within a time lock: the identity where there is one, else the account. What one
 * identity was locked for is not held against its account, so a whole account is locked only for
 * spam that comes from many, or when as many identities are locked as would be strikes enough: most
 * of them are names that somebody made up. That of a smarthost never is. A lock ends by itself so
 * many times; the next one waits for a person.
 */
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { paged } from '../base/paged.ts';
import type { Account } from '../directory/account.ts';
import type { LockCause } from '../mail/notice-words.ts';
import { causeText } from '../mail/notice-words.ts';
import type {
  CounterStore,
  CounterView,
  Lock,
  Strike,
  StrikePolicy,
} from '../store/counter-store.ts';
import type { Mark } from '../store/ttl-map.ts';
import {
  accountKey,
  accountPrefix,
  complaintsKey,
  culpritsKey,
  identityKey,
} from './counter-keys.ts';

export interface Locked {
  readonly account: Account;
  /** Undefined: the whole account. */
  readonly identity: string | undefined;
  readonly lock: Lock;
}

export interface LocksOptions {
  readonly counters: Pick<CounterStore, 'strike' | 'lockOf' | 'lock' | 'unlock' | 'reset' | 'list'>;
  readonly log: Log;
  /** Hears of each lock that the gateway has set. */
  readonly onLocked?: (locked: Locked, cause: LockCause) => void;
}

/** Who sets locks without being asked. */
const BY = 'gateway';

/** Set for strikes, not by hand. */
export function isAutomatic(lock: Lock | undefined): boolean {
  return lock?.by === BY;
}

/** Locks for strikes that have ended by themselves and still count. */
export function autoUnlocks(
  { lock, autoLocks = 0 }: Pick<CounterView, 'lock' | 'autoLocks'>,
  { lock: { maxAutoUnlocks } }: Account,
): number {
  if (lock === undefined || !isAutomatic(lock)) return autoLocks;
  // One that is on for strikes is among them; one for complaints has no end and is not.
  return lock.until === undefined ? Math.min(autoLocks, maxAutoUnlocks) : autoLocks - 1;
}

export class Locks {
  readonly #options: LocksOptions;
  #changes = 0;

  constructor(options: LocksOptions) {
    this.#options = options;
  }

  /** Another number whenever there may be a lock more: who knows it need not ask again. */
  get changes(): number {
    return this.#changes;
  }

  /** The lock that is on, the account's before that of the identity. Rejects on storage trouble. */
  async of(account: Account, identity: string | undefined): Promise<Locked | undefined> {
    const { counters } = this.#options;
    const whole = await counters.lockOf(accountKey(account.name));
    if (whole !== undefined) return { account, identity: undefined, lock: whole };
    if (identity === undefined) return undefined;
    const lock = await counters.lockOf(identityKey(account.name, identity));
    return lock && { account, identity, lock };
  }

  /** Names of accounts that are locked as a whole, but not by hand. Rejects on storage trouble. */
  async *automatic(): AsyncGenerator<{ readonly account: string; readonly lock: Lock }> {
    const all = paged(
      (page) => this.#options.counters.list({ ...page, prefix: accountPrefix }),
      ({ key }) => key,
    );
    for await (const { key, lock } of all) {
      if (lock !== undefined && isAutomatic(lock))
        yield { account: key.slice(accountPrefix.length), lock };
    }
  }

  /** By hand: until then, or until somebody unlocks. Rejects on storage trouble. */
  async lock(account: Account, identity: string | undefined, lock: Lock): Promise<void> {
    await this.#options.counters.lock(keyOf(account, identity), lock);
    this.#locked({ account, identity, lock }, 'hand');
  }

  /** Whether it was locked. Earlier locks are forgotten. Rejects on storage trouble. */
  async unlock(account: Account, identity: string | undefined, by: string): Promise<boolean> {
    const { counters } = this.#options;
    const wasLocked = await counters.unlock(keyOf(account, identity));
    if (identity === undefined) await counters.unlock(culpritsKey(account.name));
    if (wasLocked) {
      const evt = identity === undefined ? 'acct.unlock' : 'ident.unlock';
      this.#options.log.emit(evt, { ...whose(account, identity), by });
    }
    return wasLocked;
  }

  /** Counters and strikes begin anew. Rejects on storage trouble. */
  async reset(account: Account, identity: string | undefined, by: string): Promise<void> {
    const { counters } = this.#options;
    await counters.reset(keyOf(account, identity));
    if (identity === undefined) await counters.reset(culpritsKey(account.name));
    const evt = identity === undefined ? 'acct.reset' : 'ident.reset';
    this.#options.log.emit(evt, { ...whose(account, identity), by });
  }

  /** Counts a message that was spam or infected. Rejects on storage trouble. */
  async strike(
    account: Account,
    identity: string | undefined,
    what: 'spam' | 'virus',
  ): Promise<void> {
    const { name, lock: policy } = account;
    const { moreThan, withinMs } = policy;
    const cause: LockCause = { what, moreThan, withinMs };
    if (identity !== undefined && policy.identities) {
      const key = identityKey(name, identity);
      const open = this.#strike(key, account, cause, { isOpen: true });
      const struck = await open.catch(unlessFull);
      if (struck !== undefined && struck.kind !== 'counted') {
        if (struck.kind === 'already-locked') return;
        this.#locked({ account, identity, lock: struck.lock }, cause);
        if (policy.account) await this.#foundCulprit(account, cause);
        return;
      }
    }
    if (policy.account) await this.#strikeAccount(account, cause);
  }

  /** The rest of the account has done nothing, unless one culprit follows the other. */
  async #foundCulprit(account: Account, cause: LockCause): Promise<void> {
    const { counters } = this.#options;
    const key = culpritsKey(account.name);
    const struck = await this.#strike(key, account, cause);
    if (struck.kind === 'counted') return counters.reset(accountKey(account.name));
    await this.#strikeAccount(account, cause, 0);
    await counters.unlock(key);
  }

  async #strikeAccount(account: Account, cause: LockCause, max = cause.moreThan): Promise<void> {
    const struck = await this.#strike(accountKey(account.name), account, cause, { max });
    if (struck.kind !== 'locked') return;
    this.#locked({ account, identity: undefined, lock: struck.lock }, cause);
  }

  /**
   * Counts a complaint of somebody who got mail. Too many lock until a person has looked: the account,
   * of a smarthost the identity; whoever unlocks begins with none. Rejects on storage trouble.
   */
  async complained(
    account: Account,
    identity: string | undefined,
    marks: readonly Mark[] = [],
  ): Promise<void> {
    const { complaints } = account.lock;
    const culprit = account.isSmarthost ? identity : undefined;
    if (complaints === undefined || (account.isSmarthost && culprit === undefined)) return;
    const { moreThan, withinMs } = complaints;
    const cause: LockCause = { what: 'complaints', moreThan, withinMs };
    const text = causeText(cause, 'en');
    const policy: StrikePolicy = {
      ...{ max: moreThan, windowMs: withinMs, lockMs: withinMs, maxAutoUnlocks: 0, by: BY, text },
      locks: keyOf(account, culprit),
      isOpen: culprit !== undefined,
    };
    const key = complaintsKey(account.name, culprit);
    const struck = await this.#options.counters.strike(key, policy, marks);
    if (struck.kind !== 'locked') return;
    this.#locked({ account, identity: culprit, lock: struck.lock }, cause);
  }

  #strike(
    key: string,
    { lock }: Account,
    cause: LockCause,
    unlike: Partial<Pick<StrikePolicy, 'max' | 'isOpen'>> = {},
  ): Promise<Strike> {
    const { moreThan, withinMs, lockMs, maxAutoUnlocks } = lock;
    const policy: StrikePolicy = {
      max: moreThan,
      windowMs: withinMs,
      lockMs,
      maxAutoUnlocks,
      by: BY,
      text: causeText(cause, 'en'),
      ...unlike,
    };
    return this.#options.counters.strike(key, policy);
  }

  #locked(locked: Locked, cause: LockCause | 'hand'): void {
    this.#changes += 1;
    const { account, identity, lock } = locked;
    this.#options.log.emit(identity === undefined ? 'acct.lock' : 'ident.lock', {
      ...whose(account, identity),
      cause: cause === 'hand' ? cause : cause.what,
      by: lock.by,
      until: lock.until === undefined ? undefined : new Date(lock.until).toISOString(),
      text: lock.text,
    });
    if (cause !== 'hand') this.#options.onLocked?.(locked, cause);
  }
}

function keyOf({ name }: Account, identity: string | undefined): string {
  return identity === undefined ? accountKey(name) : identityKey(name, identity);
}

function whose({ name, domain }: Account, identity: string | undefined) {
  return { acct: name, dom: domain, ident: identity };
}

/** With no room for one more identity its strikes are the account's. */
function unlessFull(error: unknown): undefined {
  if (error instanceof CodedError && error.code === 'LIMIT') return undefined;
  throw error;
}
