/**
 * `host:port` as it stands in configuration files: a name, an IPv4 address, or an IPv6 address in
 * brackets, and a port that may be left out where the caller knows a default. Also networks in CIDR
 * form. Parsing never throws: it returns the value or the sentence that says what is wrong.
 */
import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net';
import { isDomain } from '../mail/address.ts';
import type { Parsed } from '../mail/address.ts';

export interface Endpoint {
  /** A name or an address, without brackets, in lower case. */
  readonly host: string;
  readonly port: number;
}

const MAX_PORT = 65_535;

export function parseEndpoint(text: string, defaultPort: number | undefined): Parsed<Endpoint> {
  if (isIPv6(text)) {
    return problem('an IPv6 address stands in brackets here, such as "[::1]:25"');
  }
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text);
  if (match === null) return problem('expected host:port such as 192.0.2.10:25 or "[::1]:25"');
  const [, bracketed, bare, portText] = match;
  const host = (bracketed ?? bare ?? '').toLowerCase();
  if (bracketed !== undefined && !isIPv6(bracketed)) {
    return problem('only an IPv6 address stands in brackets');
  }
  if (bracketed === undefined && (host === '' || (portText === undefined && isPort(host)))) {
    return problem('the address before the port is missing');
  }
  if (bracketed === undefined && !isHost(host)) {
    return problem('the host is neither a name nor an address');
  }
  if (portText === undefined) {
    return defaultPort === undefined
      ? problem('the port is missing, such as :25')
      : { ok: true, value: { host, port: defaultPort } };
  }
  if (!isPort(portText)) return problem('the port must be a number up to 65535');
  return { ok: true, value: { host, port: Number(portText) } };
}

/** `25`, `:25` or `*:25`: a port, on every address. */
export function portAlone(text: string): number | undefined {
  const digits = /^(?:\*?:)?(\d{1,5})$/.exec(text)?.[1];
  return digits !== undefined && isPort(digits) ? Number(digits) : undefined;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= MAX_PORT;
}

/** A host name or an address; what looks like a mistyped IPv4 address is neither. */
export function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true;
  return !text.startsWith('[') && !/^[\d.]+$/.test(text) && isDomain(text);
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** One spelling per address: IPv6 shortened, IPv4 in IPv6 as IPv4; names in lower case. */
export function canonicalHost(host: string): string {
  const lower = host.toLowerCase();
  if (!isIPv6(lower)) return lower;
  const short = new SocketAddress({ address: lower, family: 'ipv6' }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(short)?.[1] ?? short;
}

/** `192.0.2.0/24`, `2001:db8::/32`, or a single address. */
export function isNetwork(text: string): boolean {
  const [address, prefix, more] = text.split('/');
  if (address === undefined || more !== undefined) return false;
  const family = isIP(address);
  if (family === 0) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}

/** Whether an address is in one of the networks, each of which is one by `isNetwork`. */
export function networkTest(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  if (networks.length === 0) return () => false;
  return (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function problem(text: string): { ok: false; problem: string } {
  return { ok: false, problem: text };
}
