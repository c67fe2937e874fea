/**
 * What an account may do and what happens when it misbehaves, made from its settings: who is behind
 * it, how much it may send, when it is locked. What is not set has its default here.
 */
import type { AccountSettings } from '../config/outgoing-schema.ts';
import { identityPattern } from '../config/identity-pattern.ts';
import { asciiDomain } from './domain-name.ts';

/** How the person or machine behind an account is told from others. */
export type IdentityMethod =
  | { readonly kind: 'login' | 'sender' }
  | {
      readonly kind: 'header';
      /** In lower case; the values of those that are there count together, in this order. */
      readonly names: readonly string[];
      /** What of the value counts: its first group, else all of the match. */
      readonly pattern: RegExp | undefined;
      /** They have done their work here and do not go on. */
      readonly remove: boolean;
    };

export const LIMIT_WINDOWS = ['minute', 'hour', 'day', 'week', 'month'] as const;
export type LimitWindow = (typeof LIMIT_WINDOWS)[number];
/** A window that is not named has no limit. */
export type WindowLimits = Readonly<Partial<Record<LimitWindow, number>>>;

export interface AccountLimits {
  readonly connections: WindowLimits;
  readonly messages: WindowLimits;
  readonly recipients: WindowLimits;
  /** Recipients that the account has not written to before. */
  readonly newRecipients: Pick<WindowLimits, 'day'>;
}

/** When spam and viruses lock, and for how long. */
export interface LockPolicy {
  readonly account: boolean;
  readonly identities: boolean;
  /** More than so many messages ... */
  readonly moreThan: number;
  /** ... within this time. */
  readonly withinMs: number;
  readonly lockMs: number;
  /** So many locks end by themselves; the next one waits for a person. */
  readonly maxAutoUnlocks: number;
  /** More than so many complaints within this time lock until a person unlocks; undefined: none do. */
  readonly complaints: { readonly moreThan: number; readonly withinMs: number } | undefined;
}

export interface AccountOptions {
  /** Undefined: nobody is told apart. */
  readonly identity: IdentityMethod | undefined;
  readonly limits: AccountLimits;
  readonly lock: LockPolicy;
  /** A server with many people behind it, which is never locked as a whole. */
  readonly isSmarthost: boolean;
  /** Domains that are nobody's here and may be sent from too. */
  readonly otherDomains: 'any' | ReadonlySet<string>;
  /** Mail of other customers' domains comes from here too, and is their own accounts'. */
  readonly reauthenticates: boolean;
  /** All its mail is kept in the archive. */
  readonly isArchived: boolean;
  /** What the client hears of spam that is kept back. */
  readonly quarantineReply: 'reject' | 'accept';
}

const MINUTE_MS = 60_000;
const LOCK_MINUTES = 60;
const AUTO_UNLOCKS = 3;
const MORE_THAN = 5;
const WITHIN_MS = 10 * MINUTE_MS;
const COMPLAINTS_WITHIN_MS = 24 * 60 * MINUTE_MS;

export function buildAccountOptions(settings: AccountSettings): AccountOptions {
  const { smarthost: isSmarthost = false, limits = {}, lock_after: after } = settings;
  const { lock_after_complaints: complaints = {} } = settings;
  const { quarantine_reply: quarantineReply = 'accept' } = settings;
  const { other_domains: others = false, reauthentication: reauthenticates = false } = settings;
  const identity = identityOf(settings, isSmarthost);
  const { first_time_recipients_per_day: firstTime } = limits;
  return {
    identity,
    limits: {
      connections: windowsOf('connections', limits),
      messages: windowsOf('messages', limits),
      recipients: windowsOf('recipients', limits),
      newRecipients: isLimit(firstTime) ? { day: firstTime } : {},
    },
    lock: {
      // Behind an address or a whole domain there may be many people: those who say so take the risk.
      account: !isSmarthost && (settings.auto_lock ?? settings.user !== undefined),
      identities: identity !== undefined && (settings.auto_lock_identities ?? true),
      moreThan: after?.messages ?? MORE_THAN,
      withinMs: after?.within ?? WITHIN_MS,
      lockMs: (settings.lock_minutes ?? LOCK_MINUTES) * MINUTE_MS,
      maxAutoUnlocks: settings.max_auto_unlocks ?? AUTO_UNLOCKS,
      complaints:
        complaints === false
          ? undefined
          : {
              moreThan: complaints.messages ?? MORE_THAN,
              withinMs: complaints.within ?? COMPLAINTS_WITHIN_MS,
            },
    },
    isSmarthost,
    otherDomains:
      others === true ? 'any' : new Set(others === false ? [] : others.map(asciiDomain)),
    reauthenticates,
    isArchived: settings.archive ?? false,
    quarantineReply,
  };
}

/** Of a smarthost somebody must be told apart, or nobody could be locked. */
function identityOf(
  { identity }: Pick<AccountSettings, 'identity'>,
  isSmarthost: boolean,
): IdentityMethod | undefined {
  if (identity === undefined) return isSmarthost ? { kind: 'sender' } : undefined;
  if (typeof identity === 'string') return { kind: identity };
  const { header, pattern, remove = false } = identity;
  return {
    kind: 'header',
    names: header.map((name) => name.toLowerCase()),
    pattern: pattern === undefined ? undefined : identityPattern(pattern),
    remove,
  };
}

function windowsOf(
  what: 'connections' | 'messages' | 'recipients',
  limits: NonNullable<AccountSettings['limits']>,
): WindowLimits {
  const found = LIMIT_WINDOWS.map((window) => [window, limits[`${what}_per_${window}`]] as const);
  return Object.fromEntries(found.filter(([, limit]) => isLimit(limit)));
}

/** 0 stands for none. */
function isLimit(limit: number | undefined): limit is number {
  return limit !== undefined && limit > 0;
}
