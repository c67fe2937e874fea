/** The DNS of each hosted domain and of each of its aliases. */
import type { Domain } from '../../directory/domain.ts';
import { findDmarc, findMx } from '../facts/domain-records.ts';
import { findSpf } from '../facts/spf.ts';
import type { Finding } from '../finding.ts';
import { skip, unsure } from '../finding.ts';
import type { Installation } from '../installation.ts';
import { judgeDmarc, judgeMx, judgeSpf } from '../judge/domain-records.ts';
import type { Check } from '../rounds.ts';
import type { NamesAround } from './names.ts';

export function domainChecks(
  installation: Installation,
  { identity, hasDns }: NamesAround,
  domains: readonly Domain[],
): Check[] {
  const { config, directory, resolver } = installation;
  const { hostname } = config;
  const isBehindProxy = config.listeners.some(({ proxyProtocol }) => proxyProtocol.length > 0);
  const check = (about: string, look: () => Promise<Finding>): Check => ({
    group: 'domain',
    about,
    look: async () => [(await hasDns()) ? await look() : unsure(about, 'no DNS server answers')],
  });
  return domains.flatMap((domain) =>
    [domain.name, ...domain.aliases].flatMap((name) => [
      check(`MX ${name}`, async () => {
        const mx = await findMx(name, domain, await identity(), resolver);
        return judgeMx(name, mx, { hostname, isBehindProxy });
      }),
      check(`SPF ${name}`, async () => {
        if (!domain.outgoing.enabled) return skip(`SPF ${name}`, 'it does not send from here');
        if (directory.smarthost !== undefined)
          return skip(`SPF ${name}`, 'the smarthost sends: its addresses are what counts');
        return judgeSpf(name, await findSpf(name, await identity(), resolver));
      }),
      check(`DMARC ${name}`, async () => judgeDmarc(name, await findDmarc(name, resolver))),
    ]),
  );
}
