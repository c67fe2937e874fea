/** Whom an address belongs to, for counting: an IPv4 address alone, of IPv6 the /64 around it. */
import { isIPv6, SocketAddress } from 'node:net';

export function clientNetwork(address: string): string {
  // Asked for each recipient: the colon is found sooner than the form is proven.
  if (!address.includes(':') || !isIPv6(address)) return address;
  const short = new SocketAddress({ address, family: 'ipv6' }).address;
  const [head = '', tail] = short.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0');
  return `${[...first, ...zeros, ...last].slice(0, 4).join(':')}::/64`;
}
