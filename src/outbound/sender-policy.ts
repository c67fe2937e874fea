/**
 * Who a client is and what it may send as: an account by its login or by its address, or a stranger;
 * and whether an account may use a reverse-path. Pure functions of the configuration in force.
 */
import type { Account, Accounts } from '../directory/account.ts';
import type { Directory, Domain } from '../directory/domain.ts';
import type { ReversePath } from '../mail/address.ts';
import type { SessionView } from '../mail/session-view.ts';

/** A login counts before the address; one whose account is gone by now is a stranger's. */
export function accountOf(
  accounts: Accounts,
  { login, remote }: Pick<SessionView, 'login' | 'remote'>,
): Account | undefined {
  return login === undefined ? accounts.byAddress(remote.address) : accounts.byLogin(login.user);
}

export type SenderCheck =
  | { readonly kind: 'allowed'; readonly domain: Domain }
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
  if (reversePath === null) {
    const isAccepted = domain.outgoing.nullSender === 'accept';
    return isAccepted ? { kind: 'allowed', domain } : { kind: 'null-sender' };
  }
  const isOwn = directory.find(reversePath.domain)?.name === domain.name;
  return isOwn ? { kind: 'allowed', domain } : { kind: 'foreign' };
}
