/**
 * Where a domain's mail goes, from what its file says. Hosts without a priority are tried in the
 * order they are written. A destination that is the gateway itself would be a mail loop.
 */
import { networkInterfaces } from 'node:os';
import type { Config, ListenerConfig } from '../config/config.ts';
import type { DestinationSettings } from '../config/destination-schema.ts';
import type { DomainDestinationSettings } from '../config/domain-schema.ts';
import { canonicalHost, formatEndpoint } from '../config/endpoint.ts';
import type { Path } from '../config/problem.ts';
import { destinationKey } from './destination-key.ts';
import type { Destination, DestinationHost } from './domain.ts';

/** Leaves room to put a host between two others. */
const PRIORITY_STEP = 10;
const DEFAULT_CONNECTIONS = 20;

/** Addresses of its hosts, as clients have them; those that have names are not looked up. */
export function serversOf({ hosts }: Destination): string[] {
  return hosts.map(({ host, address }) => canonicalHost(address ?? host));
}

export function buildDestination(settings: DestinationSettings): Destination {
  const full =
    'hosts' in settings
      ? settings
      : {
          hosts: [settings],
          tls: 'opportunistic' as const,
          max_connections: DEFAULT_CONNECTIONS,
          rate: undefined,
          xclient: false,
        };
  const hosts = full.hosts.map((entry, index): DestinationHost => ({
    host: entry.host.toLowerCase(),
    port: entry.port,
    priority: ('priority' in entry ? entry.priority : undefined) ?? index * PRIORITY_STEP,
    ...('weight' in entry && entry.weight !== 1 && { weight: entry.weight }),
  }));
  const { tls, max_connections: maxConnections, rate, xclient } = full;
  return {
    ...{ key: destinationKey(hosts), hosts, tls, maxConnections },
    ...(rate !== undefined && { rate }),
    ...(xclient && { xclient }),
  };
}

/** Messages for several servers at once: none of them puts a bound to these. */
export const PARTED_AT_ONCE = 50;

/** Where mail lies of which it must still be found out to which server it goes. */
export function partedDestination(key: string): Destination {
  const maxConnections = PARTED_AT_ONCE;
  return { key, hosts: [], tls: 'opportunistic', maxConnections, isParted: true };
}

export interface HostFault {
  /** Below `destination`. */
  readonly path: Path;
  readonly text: string;
}

/** Hosts that are given twice or that are this gateway; without `own` the latter is not known. */
export function destinationFaults(
  settings: DomainDestinationSettings,
  own: Pick<Config, 'listeners' | 'hostname'> | undefined,
): HostFault[] {
  if ('split' in settings) {
    const keys = settings.split.map((one) => buildDestination(one).key);
    return settings.split.flatMap((one, index) => {
      const path = ['split', index];
      const key = keys[index] ?? '';
      if (keys.indexOf(key) < index) return [{ path, text: `${key} is given twice` }];
      return destinationFaults(one, own).map((fault) => ({
        ...fault,
        path: [...path, ...fault.path],
      }));
    });
  }
  const several = 'hosts' in settings;
  const hosts = several ? settings.hosts : [settings];
  const seen = new Set<string>();
  return hosts.flatMap(({ host, port }, index) => {
    const path = several ? ['hosts', index] : [];
    const name = formatEndpoint({ host: canonicalHost(host), port });
    if (seen.has(name)) return [{ path, text: `the host ${name} is given twice` }];
    seen.add(name);
    const listener = own?.listeners.find((each) => isOwn(host, port, each, own.hostname));
    if (listener === undefined) return [];
    return [{ path, text: `is this gateway's own listener "${listener.name}" (mail loop)` }];
  });
}

/** Whether a host, by name or address, leads to one of our own ports. */
export function isOwn(
  host: string,
  port: number,
  listener: ListenerConfig,
  hostname: string,
): boolean {
  if (port !== listener.port) return false;
  const wanted = canonicalHost(host);
  if (wanted === hostname) return true;
  const bound = canonicalHost(listener.address);
  const addresses = wanted === 'localhost' ? ['127.0.0.1', '::1'] : [wanted];
  if (addresses.includes(bound)) return true;
  if (bound !== '0.0.0.0' && bound !== '::') return false;
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => canonicalHost(address));
  return addresses.some(
    (address) => address === bound || /^127\.|^::1$/.test(address) || own.includes(address),
  );
}
