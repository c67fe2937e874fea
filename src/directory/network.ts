/**
 * Networks of addresses as numbers: which is within which, and which of many an address is in. IPv4
 * in IPv6 counts as IPv4. Text that is no network never gets this far (`config/values.ts`).
 */
import { isIPv4 } from 'node:net';
import { canonicalHost } from '../config/endpoint.ts';

export interface Network {
  readonly family: 4 | 6;
  /** Length of the prefix. */
  readonly bits: number;
  /** The first address, with no bit set behind the prefix. */
  readonly start: bigint;
}

const WIDTH = { 4: 32, 6: 128 } as const;

/** Wider networks than these are nobody's own. */
export const LEAST_BITS = { 4: 8, 6: 16 } as const;

export function isTooWide({ family, bits }: Network): boolean {
  return bits < LEAST_BITS[family];
}

/** Undefined when bits behind the prefix are set: nobody can know which network was meant. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', prefix] = text.split('/');
  const network = networkAround(address, prefix === undefined ? undefined : Number(prefix));
  return network?.start === parseIp(address).value ? network : undefined;
}

/** The network with this length of prefix that an address is in; without one the address alone. */
export function networkAround(address: string, prefix?: number): Network | undefined {
  const { family, value } = parseIp(address);
  // `::ffff:192.0.2.0/120` is 192.0.2.0/24.
  const mapped = family === 4 && !isIPv4(address) ? 96 : 0;
  const bits = prefix === undefined ? WIDTH[family] : prefix - mapped;
  if (!(bits >= 0 && bits <= WIDTH[family])) return undefined;
  return { family, bits, start: firstOf(family, value, bits) };
}

/** `192.0.2.0/24`; equal networks are written alike. */
export function formatNetwork({ family, bits, start }: Network): string {
  const [parts, width, base] = family === 4 ? [4, 8, 10] : [8, 16, 16];
  const groups = Array.from({ length: parts }, (_, index) => {
    const shift = BigInt(width * (parts - 1 - index));
    return ((start >> shift) & ((1n << BigInt(width)) - 1n)).toString(base);
  });
  const address = groups.join(family === 4 ? '.' : ':');
  return `${family === 4 ? address : canonicalHost(address)}/${bits}`;
}

export function isWithin(inner: Network, outer: Network): boolean {
  return (
    inner.family === outer.family &&
    inner.bits >= outer.bits &&
    firstOf(inner.family, inner.start, outer.bits) === outer.start
  );
}

/** An order in which a network comes directly before what lies within it. */
export function compareNetworks(a: Network, b: Network): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.start !== b.start) return a.start < b.start ? -1 : 1;
  return a.bits - b.bits;
}

/** Values by network; an address finds that of the smallest network it is in. */
export class NetworkMap<T> {
  readonly #values = new Map<string, T>();
  /** The prefix lengths there are, longest first. */
  readonly #lengths: Record<4 | 6, number[]> = { 4: [], 6: [] };

  set(network: Network, value: T): void {
    this.#values.set(keyOf(network), value);
    const lengths = this.#lengths[network.family];
    if (!lengths.includes(network.bits)) lengths.push(network.bits);
    lengths.sort((a, b) => b - a);
  }

  find(address: string): T | undefined {
    if (this.#values.size === 0) return undefined;
    const { family, value } = parseIp(address);
    for (const bits of this.#lengths[family]) {
      const start = firstOf(family, value, bits);
      const found = this.#values.get(keyOf({ family, bits, start }));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function keyOf({ family, bits, start }: Network): string {
  return `${family}/${bits}/${start}`;
}

function firstOf(family: 4 | 6, value: bigint, bits: number): bigint {
  const rest = BigInt(WIDTH[family] - bits);
  return (value >> rest) << rest;
}

function parseIp(address: string): { family: 4 | 6; value: bigint } {
  const host = canonicalHost(address.replace(/%.*$/, '')); // an IPv6 zone says where, not who
  if (isIPv4(host)) return { family: 4, value: joined(host.split('.').map(Number), 8) };
  return { family: 6, value: joined(groupsOf(host), 16) };
}

function groupsOf(host: string): number[] {
  const plain = host.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  if (tail === undefined) return groups(head);
  const [before, after] = [groups(head), groups(tail)];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function joined(parts: readonly number[], bits: number): bigint {
  return parts.reduce((sum, part) => (sum << BigInt(bits)) | BigInt(part), 0n);
}
