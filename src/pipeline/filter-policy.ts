/** Inbound and outbound policy of a customer are apart; the options of his filters are the same. */
import type { FilterPolicy } from '../directory/account.ts';
import type { Domain } from '../directory/domain.ts';

export type PolicyInForce = FilterPolicy & Pick<Domain, 'pluginOptions'>;

export function filterPolicy(domain: Domain, direction: 'in' | 'out'): PolicyInForce {
  if (direction === 'in') return domain;
  return { ...domain.outgoing.filters, pluginOptions: domain.pluginOptions };
}
