/** The servers that mail goes to, the lists and directories of their recipients, and the scanners. */
import { readTextFile } from '../../config/text-file.ts';
import { errorText } from '../../base/errors.ts';
import type { Destination, Domain } from '../../directory/domain.ts';
import { filterFor } from '../../directory/ldap/filter.ts';
import { LdapLink } from '../../directory/ldap/link.ts';
import type { LdapSource } from '../../directory/ldap/source.ts';
import { lookAtDestination, systemAddresses } from '../facts/destination.ts';
import { skip } from '../finding.ts';
import type { Installation } from '../installation.ts';
import { judgeDestination } from '../judge/destination.ts';
import { judgeLdap, judgeLists } from '../judge/recipients.ts';
import {
  judgeClamdLimits,
  judgeClamdSilence,
  judgeNoFilters,
  judgeScanners,
} from '../judge/scanner.ts';
import type { Check } from '../rounds.ts';

/** One check for each server, however many domains it serves. */
export function destinationChecks(
  { config, directory, clock }: Installation,
  routes: readonly Domain[],
): Check[] {
  const wanted = new Map<string, { destination: Destination; domain?: string }>();
  for (const { destination, name } of routes)
    if (destination.isParted !== true) wanted.set(destination.key, { destination, domain: name });
  const { smarthost } = directory;
  if (smarthost !== undefined) wanted.set(smarthost.key, { destination: smarthost });
  const { messageSizeBytes } = config.limits;
  const look = { config, clock, addressesOf: systemAddresses };
  return [...wanted].map(([key, { destination, domain }]) => ({
    group: 'dest',
    about: key,
    look: async () => {
      const hosts = await lookAtDestination(destination, look);
      const use = { domain, tls: destination.tls, messageSizeBytes };
      return judgeDestination(key, hosts, use);
    },
  }));
}

export function recipientChecks({ clock }: Installation, domains: readonly Domain[]): Check[] {
  const lists = domains.flatMap(({ name, recipients }) =>
    recipients.kind === 'list' ? [{ domain: name, addresses: recipients.addresses.size }] : [],
  );
  const directories = new Map<string, { source: LdapSource; domains: string[] }>();
  for (const { name, recipients } of domains) {
    if (recipients.kind !== 'ldap') continue;
    const known = directories.get(recipients.key);
    if (known === undefined)
      directories.set(recipients.key, { source: recipients, domains: [name] });
    else known.domains.push(name);
  }
  return [
    { group: 'rcpt', about: 'lists', look: async () => [judgeLists(lists)] },
    ...[...directories.values()].map(({ source, domains: whose }): Check => {
      const servers = source.servers.map(({ url }) => url).join(', ');
      return {
        group: 'rcpt',
        about: `LDAP ${servers}`,
        look: async () => {
          const link = new LdapLink(clock);
          const nobody = { local: 'postmaster', domain: whose[0] ?? '' };
          const fault = await link.find(source, filterFor(source.filter, nobody), 'us').then(
            () => undefined,
            (error: unknown) => errorText(error),
          );
          link.stop();
          return [judgeLdap(servers, whose, fault)];
        },
      };
    }),
  ];
}

const CLAMD_CONF = '/etc/clamav/clamd.conf';
const MAX_CONF = 1024 * 1024;

export function scannerChecks(installation: Installation): Check[] {
  const { config, directory, running, askScanners } = installation;
  const filtered = directory.domains
    .filter(({ services }) => services.has('spam') || services.has('virus'))
    .map(({ name }) => name);
  const { managed } = config.scanners;
  const asks = config.plugins.some(({ name }) => name === 'clamav');
  const checks: Check[] = [
    {
      group: 'scanner',
      about: 'scanners',
      look: async (signal) => {
        if (config.plugins.length === 0) return [judgeNoFilters(filtered)];
        if (running.kind !== 'running' && managed)
          return [skip('scanners', 'the gateway starts its own')];
        const answers = running.kind === 'running' ? running.scanners : await askScanners(signal);
        return judgeScanners(answers);
      },
    },
  ];
  if (!asks || managed) return checks;
  const look = async () => {
    // That of a clamd on another machine is not ours to see.
    const conf = await readTextFile(CLAMD_CONF, MAX_CONF);
    if (!conf.ok) return [skip('clamd limits', `${CLAMD_CONF} ${conf.problem}`)];
    const { messageSizeBytes } = config.limits;
    return [judgeClamdLimits(conf.value, messageSizeBytes), judgeClamdSilence(conf.value)];
  };
  return [...checks, { group: 'scanner', about: 'clamd limits', look }];
}
