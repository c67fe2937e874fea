/** The records of `sluice doctor --records`: looked up and judged for the gateway and for each name. */
import type { Domain } from '../directory/domain.ts';
import { findDmarc, findMx } from './facts/domain-records.ts';
import { findDkim } from './facts/dkim.ts';
import { findIdentity } from './facts/identity.ts';
import { findPtr } from './facts/ptr.ts';
import { findSpf } from './facts/spf.ts';
import type { Installation } from './installation.ts';
import { keysOf, sendsFromHere } from './installation.ts';
import type { RecordState } from './judge/records.ts';
import { dkimStates, recordsOfDomain, recordsOfGateway } from './judge/records.ts';

export interface RecordsOf {
  /** A domain, an alias, or the host name of the gateway. */
  readonly of: string;
  readonly records: readonly RecordState[];
}

/** One after the other, so that they can be read as they come. */
export async function* neededRecords(
  installation: Installation,
  domains: readonly Domain[],
): AsyncGenerator<RecordsOf> {
  const { config, resolver } = installation;
  const { hostname } = config;
  const sources = config.delivery.sources.map(({ address }) => address);
  const identity = await findIdentity(hostname, resolver, sources);
  const ptrs = await Promise.all(identity.sending.map((address) => findPtr(address, resolver)));
  const { ownSigning, sealing } = installation.directory;
  const own = await Promise.all(
    [...ownSigning.domains, ...sealing.domains].map(async (keys) =>
      dkimStates(keys.domain, await findDkim(keys, resolver)),
    ),
  );
  yield { of: hostname, records: [...recordsOfGateway(identity, ptrs), ...own.flat()] };
  for (const domain of domains) {
    const sends = sendsFromHere(installation, domain);
    for (const name of [domain.name, ...domain.aliases]) {
      const keys = domain.outgoing.enabled ? keysOf(domain, name) : undefined;
      const [mx, spf, dmarc, dkim] = await Promise.all([
        findMx(name, domain, identity, resolver),
        sends ? findSpf(name, identity, resolver) : undefined,
        findDmarc(name, resolver),
        keys === undefined ? [] : findDkim(keys, resolver),
      ]);
      yield { of: name, records: recordsOfDomain({ name, hostname, mx, spf, dmarc, dkim }) };
    }
  }
}
