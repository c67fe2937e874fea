/**
 * The hosted domains by name. Found under the name or an alias, in any letter case, as Unicode or as
 * its ASCII form (RFC 5890); the usual case costs one look into a map. A lane of the spool finds its
 * domain too: with its server, or without one when that is not configured any more.
 */
import { domainKey, isAscii } from '../mail/address.ts';
import { createAccounts } from './account.ts';
import { NO_KEYS } from '../dkim/signer.ts';
import { serversOf } from './destination.ts';
import { asciiDomain } from './domain-name.ts';
import type { Directory, Domain } from './domain.ts';

/** What is not of one domain. */
export type Beyond = Pick<Directory, 'smarthost' | 'ownSigning' | 'sealing' | 'remoteTls'>;

const NOTHING_BEYOND: Beyond = {
  smarthost: undefined,
  ownSigning: NO_KEYS,
  sealing: NO_KEYS,
  remoteTls: () => undefined,
};

export function createDirectory(
  domains: readonly Domain[],
  beyond: Beyond = NOTHING_BEYOND,
): Directory {
  const byName = new Map<string, Domain>();
  for (const domain of domains) {
    for (const name of [domain.name, ...domain.aliases]) {
      byName.set(asciiDomain(name), domain);
    }
  }
  const routes = domains.flatMap((domain) => domain.split ?? [domain]);
  const byLane = new Map(routes.map((route) => [route.lane, route]));
  const byDestination = Map.groupBy(routes, ({ destination }) => destination.key);
  const servers = new Set(routes.flatMap(({ destination }) => serversOf(destination)));
  return {
    domains,
    routes,
    servedBy: (destination) => byDestination.get(destination) ?? [],
    hasServer: (client) => servers.has(client),
    ...beyond,
    accounts: createAccounts(domains),
    find(name) {
      // No domain has a slash in its name.
      const slash = name.indexOf('/');
      if (slash > 0) return byLane.get(name) ?? byName.get(name.slice(0, slash));
      const key = domainKey(name);
      return byName.get(key) ?? (isAscii(key) ? undefined : byName.get(asciiDomain(key)));
    },
  };
}
