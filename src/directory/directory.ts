/**
 * The hosted domains by name. Found under the name or an alias, in any letter case, as Unicode or as
 * its ASCII form (RFC 5890); the usual case costs one look into a map. A lane of the spool finds its
 * domain too: with its server, or without one when that is not configured any more.
 */
import { domainKey, isAscii } from '../mail/address.ts';
import { createAccounts } from './account.ts';
import type { SigningKeys } from '../dkim/signer.ts';
import { NO_KEYS } from '../dkim/signer.ts';
import { asciiDomain } from './domain-name.ts';
import type { Destination, Directory, Domain } from './domain.ts';

export function createDirectory(
  domains: readonly Domain[],
  smarthost?: Destination,
  ownSigning: SigningKeys = NO_KEYS,
): Directory {
  const byName = new Map<string, Domain>();
  for (const domain of domains) {
    for (const name of [domain.name, ...domain.aliases]) {
      byName.set(asciiDomain(name), domain);
    }
  }
  const routes = domains.flatMap((domain) => domain.split ?? [domain]);
  const byLane = new Map(routes.map((route) => [route.lane, route]));
  return {
    domains,
    routes,
    smarthost,
    ownSigning,
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
