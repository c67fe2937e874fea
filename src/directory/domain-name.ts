/** The one form in which domain names are compared: ASCII (RFC 5890), in lower case. */
import { domainToASCII, domainToUnicode } from 'node:url';
import { domainKey } from '../mail/address.ts';

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
