/** Under which names and addresses the world meets this gateway. */
import { createSocket } from 'node:dgram';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
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
  /** From which mail goes out, as the world sees it. */
  readonly sending: readonly string[];
}

/** More is no mail server's. */
const MAX_ADDRESSES = 8;

/** `sources` are the addresses that mail is told to go out from; none: as the system has it. */
export async function findIdentity(
  hostname: string,
  resolver: FilterResolver,
  sources: readonly string[] = [],
): Promise<Identity> {
  const lookup = await resolver.addresses(hostname);
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => canonicalHost(address));
  const named = lookup.kind === 'found' ? lookup.records.map(({ address }) => address) : [];
  const all = new Set([...named.map(canonicalHost), ...own]);
  const world = [...all].filter(isPublic);
  const told = sources.filter(isPublic);
  const [four, six] = await Promise.all([sourceFor('udp4'), sourceFor('udp6')]);
  const sending = [...sendingOf(four, named, isIPv4), ...sendingOf(six, named, isIPv6)];
  return {
    ...{ hostname, lookup, own, world },
    isReachable: named.some(isPublic),
    sending: (told.length > 0 ? told : sending).slice(0, MAX_ADDRESSES),
  };
}

/** Behind NAT an address of the name stands for the one that the world sees. */
function sendingOf(
  source: string | undefined,
  named: readonly string[],
  isOfFamily: (address: string) => boolean,
): string[] {
  if (source === undefined) return [];
  if (isPublic(source)) return [source];
  return named.filter((address) => isOfFamily(address) && isPublic(address));
}

/** Documentation addresses (RFC 5737, RFC 3849): far away, and nothing is sent there. */
const FAR = { udp4: '192.0.2.1', udp6: '2001:db8::1' } as const;
const ANY_PORT = 25;

/** The address that the system would send from; undefined without a way out. */
async function sourceFor(family: keyof typeof FAR): Promise<string | undefined> {
  const socket = createSocket(family);
  try {
    return await new Promise<string | undefined>((resolve) => {
      socket.once('error', () => resolve(undefined));
      // With UDP that only chooses the way.
      socket.connect(ANY_PORT, FAR[family], () => resolve(socket.address().address));
    });
  } finally {
    socket.close();
  }
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
