/**
 * May this recipient be relayed at all? Inbound, only to domains that are hosted here, and never to
 * an address that asks the destination to relay further: it trusts us.
 */
import type { Directory, Domain } from '../directory/domain.ts';
import type { Address } from '../mail/address.ts';

export type Route =
  | { readonly kind: 'hosted'; readonly domain: Domain; readonly address: Address }
  | { readonly kind: 'denied' };

/** `user%elsewhere@hosted`, `elsewhere!user@hosted`, `"user@elsewhere"@hosted`. */
const FORWARDING_LOCAL_PART = /[%!@:\\]|\/.*=/;

export function routeInbound(directory: Directory, hostname: string, address: Address): Route {
  if (FORWARDING_LOCAL_PART.test(address.local)) return { kind: 'denied' };
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
