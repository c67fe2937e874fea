/** The DNS as filters are given it: the servers of the configuration, a cache, plain values. */
import type { Clock } from '../base/clock.ts';
import type { Endpoint } from '../config/endpoint.ts';
import { formatEndpoint } from '../config/endpoint.ts';
import { createFilterCache } from '../dns/cached-resolver.ts';
import type { AddressRecord, Lookup } from '../dns/resolver.ts';
import type { SystemResolverOptions } from '../dns/system-resolver.ts';
import { createSystemResolver } from '../dns/system-resolver.ts';
import type { Dns } from '../plugin.ts';

export function filterDns(
  servers: readonly Endpoint[] | undefined,
  clock: Clock,
  onAnswer?: SystemResolverOptions['onAnswer'],
): Dns {
  const asked = servers?.map(formatEndpoint);
  const asking = createSystemResolver({ clock, servers: () => asked, onAnswer });
  const resolver = createFilterCache(asking, clock);
  return {
    a: async (name) => texts(await resolver.a(name)),
    aaaa: async (name) => texts(await resolver.aaaa(name)),
    mx: (name) => resolver.mx(name),
    txt: (name) => resolver.txt(name),
    ptr: (address) => resolver.ptr(address),
  };
}

function texts(lookup: Lookup<AddressRecord>): Lookup<string> {
  return lookup.kind === 'found'
    ? { kind: 'found', records: lookup.records.map(({ address }) => address) }
    : lookup;
}
