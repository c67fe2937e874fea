/**
 * Who is never refused for want of proof: by address, by domain with its subdomains, by mailing list
 * (List-Id, RFC 2919) or by the client's network. Sender, author and list are what the mail says. Names
 * beyond ASCII are the same as their ASCII form (RFC 5890).
 */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { asciiAddress } from './ascii-address.ts';

export interface Claimed {
  readonly client: string;
  /** Reverse-path and authors. */
  readonly addresses: readonly string[];
  readonly listIds: readonly string[];
}

export function isException(entries: readonly string[], claimed: Claimed): boolean {
  const addresses = claimed.addresses.map(asciiAddress);
  const domains = addresses.map((address) => address.slice(address.lastIndexOf('@') + 1));
  const names = [...domains, ...claimed.listIds.map((id) => id.toLowerCase())];
  return entries.some((given) => {
    const entry = asciiAddress(given);
    if (entry.includes('@')) return addresses.includes(entry);
    const [network = '', bits] = entry.split('/');
    if (isIP(network) > 0) return isWithin(network, bits, claimed.client);
    return names.some((name) => name === entry || name.endsWith(`.${entry}`));
  });
}

function isWithin(network: string, bits: string | undefined, client: string): boolean {
  const family = isIPv4(network) ? 'ipv4' : 'ipv6';
  const width = bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits);
  if (!Number.isInteger(width) || width < 0 || width > (family === 'ipv4' ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, width, family);
  return list.check(client, isIPv4(client) ? 'ipv4' : 'ipv6');
}

/** What stands between the angle brackets of a List-Id field. */
export function listIdOf(line: string): string | undefined {
  return /^list-id[ \t]*:[^]*<([^<>\s]{1,255})>\s*$/i.exec(line)?.[1];
}
