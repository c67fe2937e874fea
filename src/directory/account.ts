/** Who may send in the name of a customer: one account of `outgoing`, and how it is found. */
import type { PasswordHash } from '../base/password-hash.ts';
import { parseAddress } from '../mail/address.ts';
import type { AccountOptions } from './account-options.ts';
import { asciiDomain } from './domain-name.ts';
import type { Domain, SpamPolicy } from './domain.ts';
import type { Network } from './network.ts';
import { NetworkMap } from './network.ts';

export interface Account extends AccountOptions {
  /**
   * As it is written in logs: a network, an address of a user, the name of a domain, or the name of
   * an SPF record with that of the domain.
   */
  readonly name: string;
  /** The hosted domain that answers for it. */
  readonly domain: string;
  /** Options of filters by plugin name, where they are not those of the domain. */
  readonly filterOptions?: Domain['pluginOptions'];
  /** The key that signs its mail, where it has one of its own. */
  readonly dkimSelector?: string;
  readonly by:
    | { readonly kind: 'address'; readonly network: Network }
    /** The networks that the SPF record of this name lets send, with a sender of the domain. */
    | { readonly kind: 'spf'; readonly record: string }
    /** Undefined: a hash that cannot be read, which no password fits. */
    | { readonly kind: 'user' | 'domain'; readonly password: PasswordHash | undefined };
}

/** What the filters are for, and what is done with what they find. */
export interface FilterPolicy {
  readonly services: ReadonlySet<string>;
  readonly spam: SpamPolicy;
  readonly virus: 'reject' | 'quarantine';
}

export interface Outgoing {
  /** Of the customer's own mail, in place of what is done with mail for him. */
  readonly filters: FilterPolicy;
  /** Without it the accounts are there, but nobody can send. */
  readonly enabled: boolean;
  readonly accounts: readonly Account[];
  /** What happens to mail from the null reverse-path, such as bounces of the customer's server. */
  readonly nullSender: 'accept' | 'refuse';
  /** Nobody else learns from where a user who has logged in sent his mail. */
  readonly hidesClients: boolean;
  /** What happens to newsletters and the like, where a filter recognises them. */
  readonly bulk: 'accept' | 'refuse' | 'limit';
  /** Recipients of it a day, where it is limited. */
  readonly bulkPerDay: number;
  /** 0: as many as there are. */
  readonly bouncesPerDay: number;
  /** Of one sender to one recipient; 0: as many as there are. */
  readonly repliesPerWeek: number;
  /** Recipients of the domain's mail a day. */
  readonly relayPerDay: number;
  /** Whose midnight begins a day: an IANA name such as `Europe/Berlin`. */
  readonly timeZone: string;
}

export const NO_OUTGOING: Outgoing = {
  filters: {
    services: new Set(),
    spam: { tag: Infinity, quarantine: Infinity, reject: Infinity },
    virus: 'reject',
  },
  enabled: false,
  accounts: [],
  nullSender: 'accept',
  hidesClients: false,
  bulk: 'accept',
  bulkPerDay: 0,
  bouncesPerDay: 0,
  repliesPerWeek: 0,
  relayPerDay: 0,
  timeZone: 'UTC',
};

/** The accounts in force. */
export interface Accounts {
  byAddress(address: string): Account | undefined;
  /** Some account can log in by SCRAM. */
  readonly hasScramKeys: boolean;
  /** By the name that a client logs in with. */
  byLogin(user: string): Account | undefined;
  /** As it stands in logs and records. */
  byName(name: string): Account | undefined;
}

/** As it is listed for people and scripts. */
export interface ListedAccount extends Pick<
  Account,
  'name' | 'identity' | 'limits' | 'isArchived' | 'quarantineReply' | 'dkimSelector'
> {
  readonly by: Account['by']['kind'];
  readonly domain: string;
  /** `off`: outgoing mail of its domain is not enabled. */
  readonly state: 'active' | 'off' | 'no password';
  readonly file: string;
}

export function listedAccounts(domains: readonly Domain[]): ListedAccount[] {
  return domains.flatMap(({ name: domain, outgoing, file }) =>
    outgoing.accounts.map((account) => {
      const { by } = account;
      const cannotLogIn = 'password' in by && by.password === undefined;
      const state = !outgoing.enabled ? 'off' : cannotLogIn ? 'no password' : 'active';
      return { ...account, by: by.kind, domain, state, file };
    }),
  );
}

export function createAccounts(domains: readonly Domain[]): Accounts {
  const networks = new NetworkMap<Account>();
  const logins = new Map<string, Account>();
  const names = new Map<string, Account>();
  for (const domain of domains.filter(({ outgoing }) => outgoing.enabled)) {
    for (const account of domain.outgoing.accounts) {
      names.set(account.name, account);
      if (account.by.kind === 'address') networks.set(account.by.network, account);
      // Whose mail comes from there is only known by its sender (outbound/sender-policy.ts).
      else if (account.by.kind === 'spf') continue;
      else if (account.by.kind === 'user') logins.set(loginKey(account.name), account);
      else for (const name of [domain.name, ...domain.aliases]) logins.set(name, account);
    }
  }
  return {
    byAddress: (address) => networks.find(address),
    hasScramKeys: [...logins.values()].some(
      ({ by }) => 'password' in by && by.password?.kind === 'scram',
    ),
    byLogin: (user) => logins.get(loginKey(user)),
    byName: (name) => names.get(name),
  };
}

/** Logins are compared without regard to letter case, as people type them. */
export function loginKey(user: string): string {
  const parsed = parseAddress(user);
  if (!parsed.ok) return asciiDomain(user);
  return `${parsed.value.local.toLowerCase()}@${asciiDomain(parsed.value.domain)}`;
}

/** The name of an account by an SPF record, which several domains may have. */
export function sharedName(record: string, domain: string): string {
  return `spf:${record}/${domain}`;
}
