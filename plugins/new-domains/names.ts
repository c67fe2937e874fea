/** The names that lists of new domains know a domain by. */
import { dnsName } from '../shared/dns-name.ts';

/** A domain is registered below one label (`example.org`) or two (`example.co.uk`). */
export function namesToAsk(domains: readonly string[]): string[] {
  const names = domains.flatMap((domain) => {
    const labels = dnsName(domain)?.split('.') ?? [];
    return [labels.slice(-2), labels.slice(-3)].map((part) => part.join('.'));
  });
  return [...new Set(names)].filter((name) => name !== '');
}
