/** The DNS around a gateway: the servers that it asks, its own name, and the names of its addresses. */
import { askList } from '../../dns/own-listings.ts';
import { findDkim } from '../facts/dkim.ts';
import { findIdentity } from '../facts/identity.ts';
import type { Identity } from '../facts/identity.ts';
import { findPtr } from '../facts/ptr.ts';
import type { ServerFacts } from '../facts/resolvers.ts';
import { askServer, serversOf } from '../facts/resolvers.ts';
import { unsure } from '../finding.ts';
import type { Installation } from '../installation.ts';
import { isMute, judgeHostname, judgeListing, judgePtr, judgeServer } from '../judge/names.ts';
import { judgeDkim } from '../judge/dkim.ts';
import { lazily } from '../lazily.ts';
import type { Check } from '../rounds.ts';

/** What every question about names stands on. */
export interface NamesAround {
  readonly identity: () => Promise<Identity>;
  /** Whether a server answers at all: without one nothing is asked of each domain. */
  readonly hasDns: () => Promise<boolean>;
  readonly servers: () => Promise<readonly ServerFacts[]>;
}

export function namesAround({ config, resolver, clock }: Installation): NamesAround {
  const { hostname, dnsServers, delivery } = config;
  const sources = delivery.sources.map(({ address }) => address);
  const servers = lazily(() => {
    const asked = serversOf(dnsServers).map((server) => askServer(server, hostname, clock));
    return Promise.all(asked);
  });
  return {
    servers,
    hasDns: async () => (await servers()).some((server) => !isMute(server)),
    identity: lazily(() => findIdentity(hostname, resolver, sources)),
  };
}

export function nameChecks(
  { config, directory, resolver }: Installation,
  { identity, servers }: NamesAround,
): Check[] {
  const listingFindings = async () => {
    const { sending } = await identity();
    const asked = sending.flatMap((address) =>
      config.alerts.blockLists.map(async (list) => {
        return judgeListing(address, list, await askList(address, list, resolver));
      }),
    );
    return Promise.all(asked);
  };
  return [
    { group: 'dns', about: 'servers', look: async () => (await servers()).map(judgeServer) },
    { group: 'dns', about: 'hostname', look: async () => [judgeHostname(await identity())] },
    // Without a key nobody expects the gateway's own reports to be signed.
    ...directory.ownSigning.domains
      .filter(({ all }) => all.length > 0)
      .map((keys) => ({
        group: 'dns' as const,
        about: `DKIM ${keys.domain}`,
        look: async () => [judgeDkim(keys.domain, await findDkim(keys, resolver))],
      })),
    ...(config.alerts.blockLists.length === 0
      ? []
      : [{ group: 'dns' as const, about: 'block lists', look: () => listingFindings() }]),
    {
      group: 'dns',
      about: 'PTR',
      look: async () => {
        const { sources } = config.delivery;
        if (sources.length > 0) {
          const ptrs = await Promise.all(sources.map(({ address }) => findPtr(address, resolver)));
          return ptrs.map((each, i) => judgePtr(sources[i]?.hostname ?? config.hostname, each));
        }
        const { sending } = await identity();
        if (sending.length === 0)
          return [unsure('PTR', 'the address from which mail goes out is not known')];
        const facts = await Promise.all(sending.map((address) => findPtr(address, resolver)));
        return facts.map((each) => judgePtr(config.hostname, each));
      },
    },
  ];
}
