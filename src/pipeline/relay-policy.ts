/**
 * May this recipient be relayed at all? Inbound, only to domains that are hosted here, and never to
 * an address that asks the destination to relay further: it trusts us.
 */
import type { Directory, Domain } from '../directory/domain.ts';
import type { Address } from '../mail/address.ts';
import { isAscii } from '../mail/address.ts';

export type Route =
  | { readonly kind: 'hosted'; readonly domain: Domain; readonly address: Address }
  | { readonly kind: 'denied' };

/**
 * `user%elsewhere@hosted`, `elsewhere!user@hosted`, `"user@elsewhere"@hosted`, X.400 addresses, and
 * encoded words, which some servers decode before they look at the address.
 */
const FORWARDING_LOCAL_PART = /[%!@:\\]|\/.*=|=\?/;

/** Letters that stand for others count as those: a destination may take them so (RFC 6532 3.1). */
function asksForRelay(local: string): boolean {
  return FORWARDING_LOCAL_PART.test(isAscii(local) ? local : local.normalize('NFKC'));
}

export function routeInbound(directory: Directory, hostname: string, address: Address): Route {
  if (asksForRelay(address.local)) return { kind: 'denied' };
  const domain = directory.find(address.domain);
  if (domain !== undefined) return { kind: 'hosted', domain, address };
  // RFC 5321 4.5.1: `<Postmaster>` of the gateway itself is the postmaster of its first domain.
  const first = directory.domains[0];
  const isOwn = address.domain.toLowerCase() === hostname.toLowerCase();
  if (isOwn && first !== undefined && address.local.toLowerCase() === 'postmaster') {
    return { kind: 'hosted', domain: first, address: { local: 'postmaster', domain: first.name } };
  }
  return { kind: 'denied' };
}
