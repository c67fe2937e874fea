/** Outgoing mail as people look at it: how much of which limit is used, who is locked, and why. */
import type { Lock } from '../store/counter-store.ts';

export interface UsageView {
  readonly domain: string;
  /** Undefined: of the whole domain. */
  readonly account: string | undefined;
  readonly what:
    | 'relay'
    | 'connections'
    | 'messages'
    | 'recipients'
    | 'new-recipients'
    | 'complaints'
    | 'bounced';
  readonly window: string;
  readonly used: number;
  /** Undefined: it is only counted. */
  readonly limit: number | undefined;
  /** Undefined: nothing was counted in this window yet. */
  readonly endsAt: number | undefined;
  readonly timeZone: string;
}

export interface LockedView {
  readonly domain: string;
  readonly account: string;
  /** Undefined: the whole account. */
  readonly identity: string | undefined;
  readonly lock: Lock | undefined;
  /** Locks that have ended by themselves and still count; of identities alone. */
  readonly autoUnlocks?: number;
  /** Recipients of its mail today. */
  readonly today: number;
  /** Of an account by an SPF record. */
  readonly shared?: SharedView;
}

/** What is known of the networks that an SPF record names. */
export interface SharedView {
  /** Undefined: they were never found. */
  readonly networks: readonly string[] | undefined;
  readonly foundAt: number | undefined;
  /** Why they could not be found again. */
  readonly fault: string | undefined;
}

/** An account, or one identity behind it. */
export interface Whose {
  readonly account: string;
  readonly identity: string | undefined;
}

export interface OutgoingView {
  /**
   * Of one domain, or of all that may send; `limited`: only what has a limit. Undefined: it is not
   * served here.
   */
  usage(domain: string | undefined, only?: 'limited'): AsyncIterable<UsageView> | undefined;
  /** Every account that is in force. */
  accounts(): AsyncIterable<LockedView>;
  /** Those of which something is known now. */
  identities(): AsyncIterable<LockedView>;
  /** Names as in the list of accounts; a login or an address of an account will do as well. */
  lock(whose: Whose, lock: Lock): Promise<'locked' | 'no such account'>;
  unlock(whose: Whose, by: string): Promise<'unlocked' | 'not locked' | 'no such account'>;
  /** Counters and strikes begin anew; a lock stays. */
  reset(whose: Whose, by: string): Promise<'reset' | 'no such account'>;
}
