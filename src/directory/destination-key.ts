/**
 * What makes a destination the one it is: its hosts, whatever order, weights and settings they are
 * given. Its health, history and connections, and what is remembered of its recipients, outlast a
 * change of settings. Domains that name the same hosts share a server, and so its limits.
 */
import { canonicalHost, formatEndpoint } from '../config/endpoint.ts';
import type { Destination, DestinationHost, Domain } from './domain.ts';

/** `192.0.2.10:25`, several in alphabetical order with commas. */
export function destinationKey(hosts: readonly DestinationHost[]): string {
  return joined(hosts.map(({ host, port }) => formatEndpoint({ host: canonicalHost(host), port })));
}

/** Transactions and connections are for those who also agree on how it is spoken to. */
export function wayKey({
  key,
  tls,
  xclient,
  login,
}: Pick<Destination, 'key' | 'tls' | 'xclient' | 'login'>): string {
  const spoken = tls === 'opportunistic' ? key : `${key} tls=${tls}`;
  const known = login === undefined ? spoken : `${spoken} login=${login.user}`;
  return xclient === true ? `${known} xclient` : known;
}

const OLD_SETTINGS = /( (?:tls|connections|rate)=[^ ]+)+$/;
const OLD_PLACE = /^((?:\[[0-9a-f:.]+\]|[^:,>*/[\] ]+):\d+)(?:\*\d+)?$/;

/** A key as it was stored when order, weights and settings were part of it, as it is now. */
export function currentKey(stored: string): string {
  const places = stored.replace(OLD_SETTINGS, '').split(/[,>]/);
  const names = places.map((place) => OLD_PLACE.exec(place)?.[1]);
  return names.every((name) => name !== undefined) ? joined(names) : stored;
}

function joined(names: readonly string[]): string {
  return names.toSorted().join(',');
}

/** A server that several domains name has the narrowest of the limits that they give it. */
export function withSharedLimits(domains: readonly Domain[]): Domain[] {
  const routes = domains.flatMap((domain) => domain.split ?? [domain]);
  const byKey = Map.groupBy(routes, ({ destination }) => destination.key);
  const limited = (domain: Domain): Domain => {
    const { destination } = domain;
    const all = (byKey.get(destination.key) ?? []).map((other) => other.destination);
    if (all.length < 2) return domain;
    const maxConnections = Math.min(...all.map((other) => other.maxConnections));
    const rates = all.flatMap(({ rate }) => rate ?? []);
    const rate = rates.toSorted((a, b) => a.messages / a.perMs - b.messages / b.perMs)[0];
    return {
      ...domain,
      destination: { ...destination, maxConnections, ...(rate !== undefined && { rate }) },
    };
  };
  return domains.map((domain) =>
    domain.split === undefined ? limited(domain) : { ...domain, split: domain.split.map(limited) },
  );
}
