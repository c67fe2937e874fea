/** Where an account stands: its domain file and its number in the list there. */
import type { DomainFile } from '../config/domain-file.ts';
import type { Config } from '../config/config.ts';
import type { AccountSettings } from '../config/outgoing-schema.ts';
import { loginKey } from '../directory/account.ts';
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

export function accountName({ ip, user }: AccountSettings, domain: string): string {
  return ip ?? (user === undefined ? asciiDomain(domain) : loginKey(user));
}

/** By an address of a user, the name of a domain or one of its aliases, or a network. */
export function findAccount(config: Config, wanted: string): AccountPlace {
  for (const domainFile of config.domainFiles) {
    const { domain, aliases, outgoing } = domainFile.settings;
    for (const [index, settings] of (outgoing?.accounts ?? []).entries()) {
      const names = settings.domain === undefined ? [] : [domain, ...aliases].map(asciiDomain);
      const name = accountName(settings, domain);
      if (
        settings.ip !== undefined
          ? !isSameNetwork(name, wanted)
          : ![name, ...names].includes(loginKey(wanted))
      )
        continue;
      return { name, domainFile, index, settings };
    }
  }
  throw new CliFault(EXIT.nothing, `no account ${printable(wanted)}: sluice account list`);
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
