/** Where an account stands: its domain file and its number in the list there. */
import type { DomainFile } from '../config/domain-file.ts';
import type { Config } from '../config/config.ts';
import type { AccountSettings } from '../config/outgoing-schema.ts';
import { loginKey, sharedName } from '../directory/account.ts';
import { asciiDomain } from '../directory/domain-name.ts';
import { parseNetwork } from '../directory/network.ts';
import { CliFault, EXIT } from './exit.ts';
import { printable } from './terminal.ts';

export interface AccountPlace {
  /** As it is listed. */
  readonly name: string;
  readonly domainFile: DomainFile;
  readonly index: number;
  readonly settings: AccountSettings;
}

export function accountName(
  { ip, spf, user }: Pick<AccountSettings, 'ip' | 'spf' | 'user'>,
  domain: string,
): string {
  if (spf !== undefined) return sharedName(spf.toLowerCase(), asciiDomain(domain));
  return ip ?? (user === undefined ? asciiDomain(domain) : loginKey(user));
}

/** By an address of a user, the name of a domain or one of its aliases, a network, or as it is listed. */
export function findAccount(config: Config, wanted: string): AccountPlace {
  for (const domainFile of config.domainFiles) {
    const { domain, aliases, outgoing } = domainFile.settings;
    for (const [index, settings] of (outgoing?.accounts ?? []).entries()) {
      const name = accountName(settings, domain);
      if (!isNamed(settings, name, [domain, ...aliases].map(asciiDomain), wanted)) continue;
      return { name, domainFile, index, settings };
    }
  }
  throw new CliFault(EXIT.nothing, `no account ${printable(wanted)}: sluice account list`);
}

function isNamed(
  { ip, spf, domain }: AccountSettings,
  name: string,
  domains: readonly string[],
  wanted: string,
): boolean {
  if (ip !== undefined) return isSameNetwork(name, wanted);
  if (spf !== undefined) return name === wanted.toLowerCase();
  return [name, ...(domain === undefined ? [] : domains)].includes(loginKey(wanted));
}

function isSameNetwork(one: string, other: string): boolean {
  if (!/^[0-9a-f.:]+(\/\d{1,3})?$/i.test(other)) return false;
  const [a, b] = [parseNetwork(one), parseNetwork(other)];
  return (
    a !== undefined &&
    b !== undefined &&
    a.start === b.start &&
    a.bits === b.bits &&
    a.family === b.family
  );
}
