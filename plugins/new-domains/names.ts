/** The domains that a message claims to be from, and the names that lists of new domains know them by. */
import type { Header } from '../shared/header.ts';
import { dnsName } from '../shared/dns-name.ts';

/** Of one message; who names more authors than that is found out by others. */
const MAX_DOMAINS = 4;

/** Of the addresses in the field From, as far as they can be read in any way. */
export function authorDomains(header: Header): string[] {
  const found = (header.get('from') ?? []).flatMap((value) =>
    [...value.matchAll(/@([^\s<>"(),;:@]{1,255})/g)].map(([, name = '']) => dnsName(name)),
  );
  return found.filter((name) => name !== undefined).slice(0, MAX_DOMAINS);
}

/** A domain is registered below one label (`example.org`) or two (`example.co.uk`). */
export function namesToAsk(domains: readonly string[]): string[] {
  const names = domains.flatMap((domain) => {
    const labels = dnsName(domain)?.split('.') ?? [];
    return [labels.slice(-2), labels.slice(-3)].map((part) => part.join('.'));
  });
  return [...new Set(names)].filter((name) => name !== '');
}
