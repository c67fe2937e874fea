/**
 * The networks that an SPF record lets send (RFC 7208): all that it names with pass, through includes,
 * redirects, addresses of hosts and of MX hosts. Found for a record that is known by its name, not for
 * one client, so what depends on a client (macros, `exists`, `ptr`) names nobody here. Within the
 * bounds of RFC 7208 4.6.4, and all of it or nothing.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { FilterResolver, Lookup } from './resolver.ts';

export interface SpfNetwork {
  readonly address: string;
  /** Length of the prefix. */
  readonly bits: number;
}

export type SpfNetworks =
  | {
      readonly kind: 'found';
      readonly networks: readonly SpfNetwork[];
      /** Named with another result than pass; they are not let send, whatever else names them. */
      readonly except: readonly SpfNetwork[];
    }
  /** Nobody answered: says nothing about the record. */
  | { readonly kind: 'unsure'; readonly text: string }
  /** It is no record, or none to go by. */
  | { readonly kind: 'unusable'; readonly text: string };

type Fault = Exclude<SpfNetworks, { kind: 'found' }>;
type SpfResolver = Pick<FilterResolver, 'a' | 'aaaa' | 'mx' | 'txt'>;

/** RFC 7208 4.6.4: terms that ask the DNS, answers without a record, hosts of one MX. */
const MAX_LOOKUPS = 10;
const MAX_VOID = 2;
const MAX_HOSTS = 10;
/** The largest clouds have some hundreds. */
const MAX_NETWORKS = 2000;

const TERM = /^([-+?~]?)([a-z][\w.-]*)(?:([:=])([^/]*))?(\/.*)?$/i;
/** Of hosts and of records. */
const NAME = /^(?=.{1,254}$)[\w-]{1,63}(?:\.[\w-]{1,63})*\.?$/;
const PREFIXES = /^(?:\/(\d{1,2}))?(?:\/\/(\d{1,3}))?$/;

export async function spfNetworks(name: string, resolver: SpfResolver): Promise<SpfNetworks> {
  const walk = new Walk(resolver);
  const fault = await walk.record(name, 'pass');
  return fault ?? { kind: 'found', networks: walk.networks, except: walk.except };
}

class Walk {
  readonly networks: SpfNetwork[] = [];
  readonly except: SpfNetwork[] = [];
  readonly #resolver: SpfResolver;
  #lookups = 0;
  #voids = 0;

  constructor(resolver: SpfResolver) {
    this.#resolver = resolver;
  }

  /** `other`: what it lets send is what the record that includes it does not. */
  async record(name: string, sign: 'pass' | 'other'): Promise<Fault | undefined> {
    if (!NAME.test(name)) return unusable(`${name.slice(0, 100)} is no name`);
    const lookup = await this.#resolver.txt(name);
    if (lookup.kind === 'unsure') return lookup;
    const texts = lookup.kind === 'found' ? lookup.records : [];
    const [record, ...more] = texts.filter((text) => /^v=spf1(?: |$)/i.test(text));
    if (record === undefined) return unusable(`${name} has no SPF record`);
    if (more.length > 0) return unusable(`${name} has more than one SPF record`);
    let redirect: string | undefined;
    for (const term of record.split(' ').slice(1)) {
      if (term === '') continue;
      const [, qualifier = '', word = '', mark, value = '', tail = ''] = TERM.exec(term) ?? [];
      const kind = word.toLowerCase();
      if (mark === '=') {
        if (kind === 'redirect') redirect = value;
        continue;
      }
      const isPass = qualifier === '' || qualifier === '+';
      if (kind === 'all') {
        // Whatever stands behind it does not count (RFC 7208 5.1).
        return isPass && sign === 'pass' ? unusable(`${name} lets everybody send`) : undefined;
      }
      // What an included record does not let send, it says nothing about.
      if (!isPass && sign === 'other') continue;
      const fault = await this.#mechanism(kind, {
        ...{ of: name, term, value, tail },
        sign: isPass ? sign : 'other',
      });
      if (fault !== undefined) return fault;
    }
    if (redirect === undefined || redirect.includes('%')) return undefined;
    return this.#counted() ?? this.record(redirect, sign);
  }

  async #mechanism(
    kind: string,
    {
      of,
      term,
      value,
      tail,
      sign,
    }: Readonly<Record<'of' | 'term' | 'value' | 'tail', string>> & {
      readonly sign: 'pass' | 'other';
    },
  ): Promise<Fault | undefined> {
    const [isRead, four = '32', six = '128'] = PREFIXES.exec(tail) ?? [];
    const malformed = unusable(`${of}: ${term.slice(0, 100)} cannot be read`);
    switch (kind) {
      case 'ip4':
        if (!isIPv4(value) || isRead === undefined || Number(four) > 32) return malformed;
        return this.#add(sign, [{ address: value, bits: Number(four) }]);
      case 'ip6': {
        const [isPrefix, bits = '128'] = /^(?:\/(\d{1,3}))?$/.exec(tail) ?? [];
        if (!isIPv6(value) || isPrefix === undefined || Number(bits) > 128) return malformed;
        return this.#add(sign, [{ address: value, bits: Number(bits) }]);
      }
      case 'include':
        if (value === '') return malformed;
        return this.#counted() ?? (value.includes('%') ? undefined : this.record(value, sign));
      case 'a':
      case 'mx': {
        if (isRead === undefined || Number(four) > 32 || Number(six) > 128) return malformed;
        const beyond = this.#counted();
        if (beyond !== undefined || value.includes('%')) return beyond;
        const bits = { 4: Number(four), 6: Number(six) };
        const name = value === '' ? of : value;
        return kind === 'a' ? this.#host(name, bits, sign) : this.#exchangers(name, bits, sign);
      }
      case 'exists':
      case 'ptr':
        return this.#counted();
      default:
        return malformed;
    }
  }

  async #exchangers(
    name: string,
    bits: Record<4 | 6, number>,
    sign: 'pass' | 'other',
  ): Promise<Fault | undefined> {
    if (!NAME.test(name)) return unusable(`${name.slice(0, 100)} is no name`);
    const found = await this.#resolver.mx(name);
    if (found.kind === 'unsure') return found;
    if (found.kind !== 'found') return this.#void();
    if (found.records.length > MAX_HOSTS) return unusable(`${name} has too many MX hosts`);
    for (const { exchange } of found.records) {
      const fault = exchange === '' ? undefined : await this.#host(exchange, bits, sign);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  async #host(
    name: string,
    bits: Record<4 | 6, number>,
    sign: 'pass' | 'other',
  ): Promise<Fault | undefined> {
    if (!NAME.test(name)) return unusable(`${name.slice(0, 100)} is no name`);
    // Both or doubt: half of the addresses would be a set without the others.
    const both = await Promise.all([this.#resolver.a(name), this.#resolver.aaaa(name)]);
    const unsure = both.find((lookup) => lookup.kind === 'unsure');
    if (unsure !== undefined) return unsure;
    const addresses = both.flatMap(recordsOf).map(({ address }) => address);
    if (addresses.length === 0) return this.#void();
    const networks = addresses.map((address) => {
      return { address, bits: isIPv4(address) ? bits[4] : bits[6] };
    });
    return this.#add(sign, networks);
  }

  #add(sign: 'pass' | 'other', networks: readonly SpfNetwork[]): Fault | undefined {
    (sign === 'pass' ? this.networks : this.except).push(...networks);
    const all = this.networks.length + this.except.length;
    return all > MAX_NETWORKS ? unusable(`more than ${MAX_NETWORKS} networks`) : undefined;
  }

  #counted(): Fault | undefined {
    this.#lookups += 1;
    return this.#lookups > MAX_LOOKUPS
      ? unusable(`more than ${MAX_LOOKUPS} terms that ask the DNS`)
      : undefined;
  }

  #void(): Fault | undefined {
    this.#voids += 1;
    return this.#voids > MAX_VOID
      ? unusable(`more than ${MAX_VOID} names that are not there`)
      : undefined;
  }
}

function recordsOf<T>(lookup: Lookup<T>): readonly T[] {
  return lookup.kind === 'found' ? lookup.records : [];
}

function unusable(text: string): Fault {
  return { kind: 'unusable', text };
}
