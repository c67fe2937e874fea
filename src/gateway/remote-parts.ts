/**
 * What mail to servers of others needs beside a courier: who they are by the DNS, from which of our
 * addresses they get it, how much at a time, and the signatures that they look for.
 */
import { formatEndpoint, networkTest } from '../config/endpoint.ts';
import { BackOff } from '../delivery/back-off.ts';
import { Providers, shareKey } from '../delivery/providers.ts';
import { RateLimits } from '../delivery/rate-limits.ts';
import type { FindExchangers } from '../delivery/remote-hosts.ts';
import { SourceAddresses } from '../delivery/source-addresses.ts';
import { isOwn } from '../directory/destination.ts';
import type { Destination } from '../directory/domain.ts';
import { signedOwn } from '../dkim/own-signature.ts';
import { RecordWatch } from '../dkim/record-watch.ts';
import { watchedKeys } from '../dkim/signer.ts';
import { createCachedResolver } from '../dns/cached-resolver.ts';
import { findExchangers } from '../dns/mail-exchangers.ts';
import { OwnListings } from '../dns/own-listings.ts';
import type { FilterResolver, Resolver } from '../dns/resolver.ts';
import { createSystemResolver } from '../dns/system-resolver.ts';
import type { DeliveryOptions } from './delivery-parts.ts';

export interface RemoteParts {
  readonly resolver: Resolver;
  /** For what is looked up from time to time and must be new. */
  readonly uncached: FilterResolver;
  /** Who takes mail for a domain that is not hosted here. */
  readonly exchangers: FindExchangers;
  readonly sources: SourceAddresses;
  readonly providers: Providers;
  readonly backOff: BackOff;
  readonly rates: RateLimits;
  /** Of the keys that sign. */
  readonly records: RecordWatch;
  /** Our addresses on block lists. */
  readonly listings: OwnListings;
  /** Signatures of the gateway's own mail. */
  readonly signOwn: (bytes: Uint8Array) => Promise<Uint8Array>;
}

const SMTP_PORT = 25;

export function buildRemote(options: DeliveryOptions): RemoteParts {
  const { store, clock, log, config, directory, onAnswer } = options;
  const servers = () => config().dnsServers?.map(formatEndpoint);
  const uncached = createSystemResolver({ clock, servers, onAnswer });
  const resolver = createCachedResolver(uncached, clock);
  const records = new RecordWatch({
    ...{ resolver: uncached, map: store.ttl, clock, log },
    keys: () => {
      const { domains, ownSigning, sealing } = directory();
      return [ownSigning, sealing, ...domains.map(({ signing }) => signing)].flatMap(watchedKeys);
    },
  });
  const providers = new Providers(() => config().delivery.providers);
  const backOff = new BackOff({ clock, log, providers });
  const shared = (destination: Destination) => {
    const provider = providers.of(destination);
    if (provider?.rate === undefined) return undefined;
    return { key: shareKey(destination, provider), rate: provider.rate };
  };
  return {
    ...{ resolver, uncached, records, providers, backOff },
    exchangers: providers.learning(exchangersOf(options, resolver)),
    listings: new OwnListings({
      resolver: uncached,
      addresses: async () => {
        const { hostname, delivery } = config();
        if (delivery.sources.length > 0) return delivery.sources.map(({ address }) => address);
        const named = await resolver.addresses(hostname);
        return named.kind === 'found' ? named.records.map(({ address }) => address) : [];
      },
      lists: () => config().alerts.blockLists,
      clock,
    }),
    sources: new SourceAddresses({
      sources: () => config().delivery.sources,
      ...{ map: store.ttl, clock, log },
    }),
    rates: new RateLimits(clock, {
      of: shared,
      pausedMs: (destination) => backOff.waitMs(destination),
    }),
    signOwn: (bytes) =>
      signedOwn(bytes, directory().ownSigning, (key) => records.isSeen(key), clock.now()),
  };
}

function exchangersOf({ config, remote }: DeliveryOptions, resolver: Resolver): FindExchangers {
  const port = remote?.port ?? SMTP_PORT;
  const isUs = (host: string) => {
    const { hostname, listeners } = config();
    return host === hostname || listeners.some((own) => isOwn(host, port, own, hostname));
  };
  // Built anew after a reload, not for each recipient.
  let networks: readonly string[] = [];
  let isAllowed = networkTest(networks);
  return (domain) => {
    const { privateNetworks } = config().delivery;
    if (privateNetworks !== networks) isAllowed = networkTest(privateNetworks);
    networks = privateNetworks;
    return findExchangers(domain, { resolver, isUs, isAllowed });
  };
}
