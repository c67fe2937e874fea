/** Inbound and outbound policy of a customer are apart; an account may have options of its own. */
import type { Account, FilterPolicy } from '../directory/account.ts';
import type { Domain } from '../directory/domain.ts';

export type PolicyInForce = FilterPolicy & Pick<Domain, 'pluginOptions'>;

/** `account`: who sends; undefined for mail of strangers. */
export function filterPolicy(
  domain: Domain,
  account: Pick<Account, 'filterOptions'> | undefined,
): PolicyInForce {
  if (account === undefined) return domain;
  const pluginOptions = account.filterOptions ?? domain.pluginOptions;
  return { ...domain.outgoing.filters, pluginOptions };
}
