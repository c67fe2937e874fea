/**
 * An address as lists are asked about it: octets (RFC 5782 2.1) or nibbles (2.4) in reverse order.
 * Addresses that mean something only within somebody's own network are told apart, for a list knows
 * nothing of them and need not hear of them.
 */
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

const PRIVATE: readonly (readonly [network: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // RFC 6598
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['224.0.0.0', 3], // multicast, reserved, broadcast
  ['::', 127], // the unspecified and the loopback address
  ['fc00::', 7],
  ['fe80::', 9], // link-local, and site-local of old
  ['ff00::', 8],
];

export function isPublic(given: string): boolean {
  const address = plainAddress(given);
  const list = new BlockList();
  for (const [network, bits] of PRIVATE) list.addSubnet(network, bits, familyOf(network));
  return (isIPv4(address) || isIPv6(address)) && !list.check(address, familyOf(address));
}

/** `given` is an address. */
export function reversed(given: string): string {
  const address = plainAddress(given);
  if (isIPv4(address)) return address.split('.').toReversed().join('.');
  const [head = '', tail = ''] = address.split('::');
  const [front, back] = [head, tail].map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - (front?.length ?? 0) - (back?.length ?? 0);
  const groups = [
    ...(front ?? []),
    ...Array<string>(Math.max(0, missing)).fill('0'),
    ...(back ?? []),
  ];
  const nibbles = groups.map((group) => group.padStart(4, '0')).join('');
  return nibbles.toLowerCase().split('').toReversed().join('.');
}

/** One way of writing: an IPv4 client of a socket for both, and IPv6 without dotted ends. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  return isIPv6(address) && address.includes('.')
    ? new URL(`http://[${address}]`).hostname.slice(1, -1)
    : address;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

/** One way of writing, so that addresses can be compared; what is none is like nothing. */
export function canonical(address: string): string {
  if (isIP(address) !== 6) return address;
  return plainAddress(new URL(`http://[${address}]`).hostname.slice(1, -1));
}
