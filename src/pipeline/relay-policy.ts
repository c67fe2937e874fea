/**
 * May this recipient be relayed at all, and where to? A stranger's mail only goes to domains that are
 * hosted here; a customer's goes anywhere. Nobody's goes to an address that asks a customer's server
 * to relay further: it trusts us.
 */
import { destinationOf, remoteLane } from '../delivery/route.ts';
import type { Destination, Directory, Domain } from '../directory/domain.ts';
import type { Address } from '../mail/address.ts';
import { isAscii } from '../mail/address.ts';

export type InboundRoute =
  | { readonly kind: 'hosted'; readonly domain: Domain; readonly address: Address }
  | { readonly kind: 'denied' };
export type OutboundRoute =
  InboundRoute | { readonly kind: 'remote'; readonly way: Way; readonly address: Address };

/** A lane of the spool and the destination behind it. */
export interface Way {
  readonly lane: string;
  readonly destination: Destination;
  /** The hosted domain that it is the way to. */
  readonly domain?: Domain;
}

/**
 * `user%elsewhere@hosted`, `elsewhere!user@hosted`, `"user@elsewhere"@hosted`, X.400 addresses, and
 * encoded words, which some servers decode before they look at the address.
 */
const FORWARDING_LOCAL_PART = /[%!@:\\]|\/.*=|=\?/;

/** Letters that stand for others count as those: a destination may take them so (RFC 6532 3.1). */
function asksForRelay(local: string): boolean {
  return FORWARDING_LOCAL_PART.test(isAscii(local) ? local : local.normalize('NFKC'));
}

export function routeInbound(
  directory: Directory,
  hostname: string,
  address: Address,
): InboundRoute {
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

export function routeOutbound(
  directory: Directory,
  hostname: string,
  address: Address,
  sender?: Pick<Domain, 'name'>,
): OutboundRoute {
  const hosted = routeInbound(directory, hostname, address);
  if (hosted.kind === 'hosted') return hosted;
  // An address literal may name any machine that we can reach and others cannot.
  const isLiteral = address.domain.startsWith('[');
  if (isLiteral || directory.find(address.domain) !== undefined) return { kind: 'denied' };
  const lane = remoteLane(address.domain, sender?.name);
  const destination = destinationOf(directory, lane);
  if (destination === undefined) return { kind: 'denied' };
  return { kind: 'remote', way: { lane, destination }, address };
}
