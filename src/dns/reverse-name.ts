/** The name under which the DNS keeps the names of an address (RFC 1035 3.5, RFC 3596 2.5). */
import { isIPv4, SocketAddress } from 'node:net';

/** `address` is one, IPv4 or IPv6. */
export function reverseName(address: string): string {
  if (isIPv4(address)) return `${address.split('.').toReversed().join('.')}.in-addr.arpa`;
  const short = new SocketAddress({ address, family: 'ipv6' }).address;
  // The last four bytes may be written as an IPv4 address.
  const [, dotted] = /:(\d+\.\d+\.\d+\.\d+)$/.exec(short) ?? [];
  const [a = 0, b = 0, c = 0, d = 0] = dotted?.split('.').map(Number) ?? [];
  const tailGroups = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  const plain = dotted === undefined ? short : short.slice(0, -dotted.length) + tailGroups;
  const [front = [], back = []] = plain
    .split('::')
    .map((half) => (half === '' ? [] : half.split(':')));
  const zeros = Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0');
  const nibbles = [...front, ...zeros, ...back].map((group) => group.padStart(4, '0')).join('');
  return `${nibbles.split('').toReversed().join('.')}.ip6.arpa`;
}
