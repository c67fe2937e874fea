/**
 * Who takes mail for a domain (RFC 5321 5.1): its MX hosts in the order of their preference, the
 * domain itself when it names none, nobody when it says so (RFC 7505). Where we are among them, only
 * those before us count: the others would hand the mail back. Asks a resolver and connects to
 * nobody. Addresses at which nobody else can be are left out, whoever published them, and so are those
 * of private networks that the operator does not name: what others publish must lead nobody into the
 * network of the gateway.
 */
import { BlockList, isIPv4 } from 'node:net';
import type { Lookup, MxRecord, Resolver } from './resolver.ts';

export interface Exchanger {
  readonly host: string;
  readonly address: string;
  readonly preference: number;
}

export type Exchangers =
  | { readonly kind: 'found'; readonly hosts: readonly Exchanger[] }
  /** Permanent: the DNS has said so. */
  | { readonly kind: 'no-domain' | 'null-mx' | 'no-host' | 'private' | 'loop' }
  | { readonly kind: 'unsure'; readonly text: string };

export interface ExchangerOptions {
  readonly resolver: Resolver;
  /** Whether a host, by name or by address, is this gateway. */
  readonly isUs: (hostOrAddress: string) => boolean;
  /** Whether mail may go to an address, though it is of a private network. */
  readonly isAllowed: (address: string) => boolean;
}

/** Hosts that are looked up, and addresses that are tried, whatever was published. */
const MAX_HOSTS = 10;
const MAX_ADDRESSES = 20;

export async function findExchangers(
  domain: string,
  options: ExchangerOptions,
): Promise<Exchangers> {
  const asked = await options.resolver.mx(domain);
  const records = mxOf(domain, asked);
  if (!Array.isArray(records)) return records;
  // RFC 5321 5.1: those no better than us are dropped, or the mail would come back.
  const own = records.find(({ exchange }) => options.isUs(exchange));
  const better = records.filter(({ preference }) => preference < (own?.preference ?? Infinity));
  if (better.length === 0) return { kind: 'loop' };
  return withAddresses(better.slice(0, MAX_HOSTS), asked.kind === 'found', options);
}

function mxOf(domain: string, asked: Lookup<MxRecord>): MxRecord[] | Exchangers {
  switch (asked.kind) {
    case 'no-domain':
    case 'unsure':
      return asked;
    case 'none':
      return [{ preference: 0, exchange: domain }];
    case 'found': {
      const hosts = asked.records.filter(({ exchange }) => exchange !== '');
      return hosts.length > 0 ? hosts : { kind: 'null-mx' };
    }
    default:
      return asked satisfies never;
  }
}

async function withAddresses(
  records: readonly MxRecord[],
  byMx: boolean,
  { resolver, isUs, isAllowed }: ExchangerOptions,
): Promise<Exchangers> {
  const lookups = await Promise.all(records.map(({ exchange }) => resolver.addresses(exchange)));
  const hosts: Exchanger[] = [];
  let doubt: string | undefined;
  let loopFrom = Infinity;
  let someArePrivate = false;
  records.forEach(({ exchange, preference }, index) => {
    const lookup = lookups[index];
    if (lookup?.kind === 'unsure') doubt = lookup.text;
    if (lookup?.kind !== 'found') return;
    for (const { address } of lookup.records) {
      if (isUs(address)) loopFrom = Math.min(loopFrom, preference);
      else if (isIn(NOBODY, address)) continue;
      else if (isIn(PRIVATE, address) && !isAllowed(address)) someArePrivate = true;
      else hosts.push({ host: exchange, address, preference });
    }
  });
  const left = hosts.filter(({ preference }) => preference < loopFrom).slice(0, MAX_ADDRESSES);
  if (left.length > 0) return { kind: 'found', hosts: left };
  if (doubt !== undefined) return { kind: 'unsure', text: doubt };
  if (loopFrom < Infinity) return { kind: 'loop' };
  if (someArePrivate) return { kind: 'private' };
  const gone = !byMx && lookups.every((lookup) => lookup.kind === 'no-domain');
  return { kind: gone ? 'no-domain' : 'no-host' };
}

/** An IPv4 address in it is reached through whoever translates (RFC 6052). */
const TRANSLATED = '64:ff9b::';
const TRANSLATED_BITS = 96;

/** No machine has these. */
const NOBODY = blockList([
  ['0.0.0.0', 8],
  ['224.0.0.0', 3], // multicast, reserved, broadcast
  ['::', 128],
  ['ff00::', 8],
]);
/** This machine, this link, and networks that everybody has of his own. */
const PRIVATE = blockList([
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // RFC 6598
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 9], // link-local, and site-local of old
  ['64:ff9b:1::', 48], // RFC 8215
]);

function blockList(networks: readonly (readonly [network: string, bits: number])[]): BlockList {
  const list = new BlockList();
  for (const [network, bits] of networks) {
    list.addSubnet(network, bits, familyOf(network));
    if (isIPv4(network)) list.addSubnet(TRANSLATED + network, TRANSLATED_BITS + bits, 'ipv6');
  }
  return list;
}

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}
