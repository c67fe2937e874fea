/** The one form in which domain names are compared: ASCII (RFC 5890), in lower case. */
import { domainToASCII, domainToUnicode } from 'node:url';
import { domainKey } from '../mail/address.ts';

/** In that form already. What ends in a number may be an address to the URL standard. */
const PLAIN = /^[a-z0-9.-]*[a-z]$/;

/** The ASCII form, in lower case; the name itself, in lower case, when it has none. */
export function asciiDomain(name: string): string {
  const key = domainKey(name);
  return PLAIN.test(key) ? key : domainToASCII(key) || key;
}

/** The ways to write one domain name: ASCII first, then Unicode where that is another. */
export function domainForms(name: string): string[] {
  const ascii = asciiDomain(name);
  const unicode = ascii.includes('xn--') ? domainToUnicode(ascii) : ascii;
  return unicode === '' || unicode === ascii ? [ascii] : [ascii, unicode];
}
