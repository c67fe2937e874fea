/**
 * The hosted domains by name. Found under the name or an alias, in any letter case, as Unicode or as
 * its ASCII form (RFC 5890); the usual case costs one look into a map.
 */
import { domainToASCII, domainToUnicode } from 'node:url';
import { domainKey, isAscii } from '../mail/address.ts';
import type { Directory, Domain } from './domain.ts';

export function createDirectory(domains: readonly Domain[]): Directory {
  const byName = new Map<string, Domain>();
  for (const domain of domains) {
    for (const name of [domain.name, ...domain.aliases]) {
      byName.set(asciiDomain(name), domain);
    }
  }
  return {
    domains,
    find(name) {
      const key = domainKey(name);
      return byName.get(key) ?? (isAscii(key) ? undefined : byName.get(asciiDomain(key)));
    },
  };
}

/** The ASCII form, in lower case; the name itself, in lower case, when it has none. */
export function asciiDomain(name: string): string {
  const key = domainKey(name);
  return domainToASCII(key) || key;
}

/** The ways to write one domain name: ASCII first, then Unicode where that is another. */
export function domainForms(name: string): string[] {
  const ascii = asciiDomain(name);
  const unicode = ascii.includes('xn--') ? domainToUnicode(ascii) : ascii;
  return unicode === '' || unicode === ascii ? [ascii] : [ascii, unicode];
}
