/**
 * Counters of what an account or identity did in a calendar window, and its locks. Promises, for
 * every engine:
 *
 * 1. `take` counts in all windows of all its demands or in none, and is exact however many take at
 *    once: of what was granted since a window began, never more than its limit.
 * 2. What was granted is durable when `take` resolves. A crash may leave counted what nobody was
 *    told of, so after it less may be granted, never more.
 * 3. Windows begin at the local minute, hour, midnight, Monday and first of the month of a time
 *    zone, also on days that have 23 or 25 hours. A clock that is set back begins no window anew.
 * 4. `strike` counts and sets the lock in the same step, and marks are in the TtlMap with the count
 *    that they belong to: killed at any moment, whoever looks for a mark knows whether it was counted.
 * 5. The number of keys is bounded: beyond `KEY_BOUNDS` a new one is refused with LIMIT, and whoever
 *    asked must not go on. Open keys, which others choose, leave room for those that the
 *    configuration names. What is over is swept.
 * 6. Storage trouble rejects: STORE_FAILED, or STORE_DAMAGED for one key until it is reset.
 */
import type { CounterWindow } from './calendar.ts';
import type { Mark } from './ttl-map.ts';

export interface Demand {
  readonly key: string;
  /** An IANA name such as `Europe/Berlin`; always the same one for a key. */
  readonly timeZone: string;
  /** A window that is not named is not counted; with `Infinity` it is counted without a limit. */
  readonly limits: Readonly<Partial<Record<CounterWindow, number>>>;
  /** Whoever sends mail decides how many such keys there are. */
  readonly isOpen?: boolean;
}

export interface Granted {
  readonly kind: 'granted';
  readonly by: number;
  /** The buckets it was counted in, by their start. */
  readonly taken: readonly {
    readonly key: string;
    readonly window: CounterWindow;
    readonly start: number;
  }[];
}

/** The first window that has no room; nothing was counted. */
export interface Refused {
  readonly kind: 'refused';
  readonly key: string;
  readonly window: CounterWindow;
  readonly limit: number;
  readonly count: number;
  /** When the window is over. */
  readonly endsAt: number;
}

/** What was counted in the windows that are on; a window that was never counted is missing. */
export type Counts = Readonly<
  Partial<Record<CounterWindow, { readonly count: number; readonly endsAt: number }>>
>;

export interface Lock {
  readonly at: number;
  /** It ends by itself then; without it only when somebody unlocks. */
  readonly until?: number;
  readonly by: string;
  readonly text: string;
}

export interface StrikePolicy {
  /** More than so many strikes ... */
  readonly max: number;
  /** ... within this time lock. */
  readonly windowMs: number;
  readonly lockMs: number;
  /** So many locks end by themselves; the next one waits for a person. */
  readonly maxAutoUnlocks: number;
  /** Locked in place of the key that is struck, which is forgotten then; whatever lock was on goes. */
  readonly locks?: string;
  /** For the lock: who and why. */
  readonly by: string;
  readonly text: string;
  /** As of a demand. */
  readonly isOpen?: boolean;
}

export type Strike =
  | { readonly kind: 'counted'; readonly strikes: number }
  /** This strike set the lock. */
  | { readonly kind: 'locked'; readonly lock: Lock }
  | { readonly kind: 'already-locked'; readonly lock: Lock };

export interface CounterView {
  readonly key: string;
  readonly counts: Counts;
  readonly lock?: Lock;
  /** Locks by strikes that are remembered, the one that is on included; absent: none. */
  readonly autoLocks?: number;
}

export interface KeyBounds {
  /** With more keys than this there is no new one, */
  readonly all: number;
  /** and with more than this no new open one. */
  readonly open: number;
}
/** Room for some hundred thousand identities; at half a kilobyte each, a bound for the disk. */
export const KEY_BOUNDS: KeyBounds = { all: 500_000, open: 400_000 };
export const MAX_KEY_BYTES = 512;
/** Strikes are kept one by one. */
export const MAX_STRIKES = 1000;
/** Automatic locks are forgotten when the last one has been over for so long. */
export const FORGET_LOCKS_MS = 30 * 86_400_000;

export interface CounterStore {
  take(demands: readonly Demand[], by: number, marks?: readonly Mark[]): Promise<Granted | Refused>;
  /**
   * Gives back `by` of what was granted, all of it by default, to the windows it was taken from as
   * far as they are on. Never more than was taken, however often it is called.
   */
  giveBack(granted: Granted, by?: number): Promise<void>;
  peek(key: string): Promise<Counts>;
  strike(key: string, policy: StrikePolicy, marks?: readonly Mark[]): Promise<Strike>;
  /** The lock that is on. */
  lockOf(key: string): Promise<Lock | undefined>;
  /** Locks by hand; replaces a lock that is on. */
  lock(key: string, lock: Lock): Promise<void>;
  /** Ends the lock and forgets strikes and earlier locks. Says whether it was locked. */
  unlock(key: string): Promise<boolean>;
  /** Counts and strikes begin anew; a lock stays. Replaces what is damaged, its lock is lost then. */
  reset(key: string): Promise<void>;
  /** What is on, in key order, in pages. */
  list(options: { prefix?: string; after?: string; limit: number }): Promise<CounterView[]>;
  /** Forgets up to `max` keys of which nothing is on, and says how many. */
  sweep(max: number): Promise<number>;
}
