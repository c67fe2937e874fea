/** Under which names and addresses the world meets this gateway. */
import { BlockList, isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { canonicalHost } from '../../config/endpoint.ts';
import type { AddressRecord, FilterResolver, Lookup } from '../../dns/resolver.ts';

export interface Identity {
  readonly hostname: string;
  /** What the DNS says of the host name. */
  readonly lookup: Lookup<AddressRecord>;
  /** Of the interfaces of this machine. */
  readonly own: readonly string[];
  /** The name leads to where the world can reach somebody. */
  readonly isReachable: boolean;
  /** Those of either that the world can reach. */
  readonly world: readonly string[];
}

/** More is no mail server's; each is asked for its name. */
const MAX_ADDRESSES = 8;

export async function findIdentity(hostname: string, resolver: FilterResolver): Promise<Identity> {
  const lookup = await resolver.addresses(hostname);
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => canonicalHost(address));
  const named = lookup.kind === 'found' ? lookup.records.map(({ address }) => address) : [];
  const all = new Set([...named.map(canonicalHost), ...own]);
  const world = [...all].filter(isPublic).slice(0, MAX_ADDRESSES);
  return { hostname, lookup, own, isReachable: named.some(isPublic), world };
}

/** What is routed nowhere or within a house only (RFC 6890). */
const NOT_PUBLIC = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['224.0.0.0', 3],
] as const) {
  NOT_PUBLIC.addSubnet(network, bits, 'ipv4');
}
for (const [network, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  NOT_PUBLIC.addSubnet(network, bits, 'ipv6');
}

function isPublic(address: string): boolean {
  return !NOT_PUBLIC.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}
