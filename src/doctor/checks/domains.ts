/** The DNS of each hosted domain and of each of its aliases. */
import type { Domain } from '../../directory/domain.ts';
import { spfNetworks } from '../../dns/spf-networks.ts';
import { findDkim } from '../facts/dkim.ts';
import { findDmarc, findMx } from '../facts/domain-records.ts';
import { findSpf } from '../facts/spf.ts';
import type { Finding } from '../finding.ts';
import { unsure } from '../finding.ts';
import type { Installation } from '../installation.ts';
import { keysOf, sendsFromHere } from '../installation.ts';
import { judgeDkim } from '../judge/dkim.ts';
import { judgeDmarc, judgeMx, judgeSharedNetworks, judgeSpf } from '../judge/domain-records.ts';
import type { Check } from '../rounds.ts';
import type { NamesAround } from './names.ts';

export function domainChecks(
  installation: Installation,
  { identity, hasDns }: NamesAround,
  domains: readonly Domain[],
): Check[] {
  const { config, resolver } = installation;
  const { hostname } = config;
  const isBehindProxy = config.listeners.some(({ proxyProtocol }) => proxyProtocol.length > 0);
  const check = (about: string, look: () => Promise<Finding>): Check => ({
    group: 'domain',
    about,
    look: async () => [(await hasDns()) ? await look() : unsure(about, 'no DNS server answers')],
  });
  const mx = (name: string, domain: Domain) =>
    check(`MX ${name}`, async () => {
      const facts = await findMx(name, domain, await identity(), resolver);
      return judgeMx(name, facts, { hostname, isBehindProxy });
    });
  const spf = (name: string) =>
    check(`SPF ${name}`, async () =>
      judgeSpf(name, await findSpf(name, await identity(), resolver)),
    );
  const dmarc = (name: string) =>
    check(`DMARC ${name}`, async () => judgeDmarc(name, await findDmarc(name, resolver)));
  const dkim = (name: string, domain: Domain) =>
    check(`DKIM ${name}`, async () => {
      const keys = keysOf(domain, name);
      return judgeDkim(name, keys === undefined ? [] : await findDkim(keys, resolver));
    });
  const shared = (record: string) =>
    check(`SPF set ${record}`, async () =>
      judgeSharedNetworks(record, await spfNetworks(record, resolver)),
    );
  const records = new Set(
    domains.flatMap(({ outgoing }) =>
      outgoing.accounts.flatMap(({ by }) => (by.kind === 'spf' ? [by.record] : [])),
    ),
  );
  const ofDomains = domains.flatMap((domain) =>
    [domain.name, ...domain.aliases].flatMap((name) => [
      mx(name, domain),
      ...(sendsFromHere(installation, domain) ? [spf(name)] : []),
      ...(domain.outgoing.enabled ? [dkim(name, domain)] : []),
      dmarc(name),
    ]),
  );
  return [...ofDomains, ...[...records].map(shared)];
}
