/** The domains that a message claims to be from. */
import { dnsName } from './dns-name.ts';
import type { Header } from './header.ts';

/** Of one message; who names more authors than that is found out by others. */
const MAX_DOMAINS = 4;

/** Of the addresses in the field From, as far as they can be read in any way. */
export function authorDomains(header: Header): string[] {
  const found = (header.get('from') ?? []).flatMap((value) =>
    [...value.matchAll(/@([^\s<>"(),;:@]{1,255})/g)].map(([, name = '']) => dnsName(name)),
  );
  return found.filter((name) => name !== undefined).slice(0, MAX_DOMAINS);
}
