/**
 * Who a client is and what it may send as: an account by its login or by its address, or a stranger;
 * and whether an account may use a reverse-path and the authors of a From field. Pure functions of
 * the configuration in force.
 */
import type { Account, Accounts } from '../directory/account.ts';
import type { Directory, Domain } from '../directory/domain.ts';
import { asciiDomain } from '../directory/domain-name.ts';
import type { Address, ReversePath } from '../mail/address.ts';
import { formatAddress } from '../mail/address.ts';
import type { SessionView } from '../mail/session-view.ts';
import type { SharedNetworks } from './shared-networks.ts';

/** A login counts before the address; one whose account is gone by now is a stranger's. */
export function accountOf(
  accounts: Accounts,
  { login, remote }: Pick<SessionView, 'login' | 'remote'>,
): Account | undefined {
  return login === undefined ? accounts.byAddress(remote.address) : accounts.byLogin(login.user);
}

/**
 * Whose account a client of nobody's address has, behind servers that many share: that of the
 * sender's domain, and only with a sender. `unsure`: it has one whose networks were never found.
 */
export function sharedAccountOf(
  directory: Directory,
  networks: Pick<SharedNetworks, 'has'>,
  { login, remote }: Pick<SessionView, 'login' | 'remote'>,
  reversePath: ReversePath,
): Account | 'unsure' | undefined {
  if (login !== undefined || reversePath === null) return undefined;
  const { outgoing } = directory.find(reversePath.domain) ?? {};
  if (outgoing?.enabled !== true) return undefined;
  let isUnsure = false;
  for (const account of outgoing.accounts) {
    if (account.by.kind !== 'spf') continue;
    const isIn = networks.has(account.by.record, remote.address);
    if (isIn === true) return account;
    isUnsure ||= isIn === undefined;
  }
  return isUnsure ? 'unsure' : undefined;
}

export type SenderCheck =
  | {
      readonly kind: 'allowed';
      /** Whose mail it is. */
      readonly account: Account;
      readonly domain: Domain;
      /** The account that the client came in with, where that is another one. */
      readonly via?: Account;
    }
  /** Not of a domain of this customer. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'null-sender' };

export function checkSender(
  directory: Directory,
  account: Account,
  reversePath: ReversePath,
): SenderCheck {
  const domain = directory.find(account.domain);
  if (domain === undefined) return { kind: 'foreign' };
  const allowed: SenderCheck = { kind: 'allowed', account, domain };
  if (reversePath === null) {
    return domain.outgoing.nullSender === 'accept' ? allowed : { kind: 'null-sender' };
  }
  const hosted = directory.find(reversePath.domain);
  if (hosted === undefined) return isOther(account, reversePath.domain) ? allowed : FOREIGN;
  if (hosted.name === domain.name) return allowed;
  const own = account.reauthenticates && ownAccount(directory.accounts, hosted, reversePath);
  return own ? { kind: 'allowed', account: own, domain: hosted, via: account } : FOREIGN;
}

const FOREIGN: SenderCheck = { kind: 'foreign' };

/**
 * The domains of a From field, all of which must be the account's. Of mail with the null reverse-path
 * they may lie below its domains as well: servers sign their bounces with their own names.
 */
export function mayAuthor(
  directory: Directory,
  account: Account,
  authors: readonly string[],
  { isBounce }: { readonly isBounce: boolean },
): boolean {
  return authors.every((author) => {
    const hosted = directory.find(author);
    if (hosted?.name === account.domain) return true;
    if (hosted === undefined && isOther(account, author)) return true;
    if (!isBounce) return false;
    // The null reverse-path names nobody to whom the mail could belong.
    if (hosted !== undefined) {
      return account.reauthenticates && directory.accounts.byLogin(hosted.name) !== undefined;
    }
    const parent = parentsOf(author).find((name) => directory.find(name) !== undefined);
    return parent !== undefined && directory.find(parent)?.name === account.domain;
  });
}

/** Only what is nobody's here: the domain of a customer is never another one's. */
function isOther({ otherDomains }: Account, domain: string): boolean {
  return otherDomains === 'any' || otherDomains.has(asciiDomain(domain));
}

/** The sender's own login, else that of his domain. */
function ownAccount(accounts: Accounts, domain: Domain, sender: Address): Account | undefined {
  const logins = [
    formatAddress(sender),
    formatAddress({ ...sender, domain: domain.name }),
    domain.name,
  ];
  for (const login of logins) {
    const account = accounts.byLogin(login);
    if (account?.domain === domain.name) return account;
  }
  return undefined;
}

function parentsOf(domain: string): string[] {
  const labels = domain.split('.');
  return labels.slice(1).map((_, index) => labels.slice(index + 1).join('.'));
}
