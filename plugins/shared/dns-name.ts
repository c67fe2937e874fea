/**
 * A domain name as the DNS is asked for it: ASCII (RFC 5890), lower case, no final dot, at least two
 * labels. Undefined for all else: addresses, address literals, single words, rubbish.
 */
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/** Some room is left for the zone of a list behind it (RFC 1035 2.3.4 allows 253 in all). */
const NAME = /^(?=.{3,200}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}$/;
/** In bytes of UTF-8; longer ones are no names, and not worth the work. */
const MAX_GIVEN = 1000;

export function dnsName(text: string): string | undefined {
  if (text.length > MAX_GIVEN) return undefined;
  const name = domainToASCII(text).toLowerCase().replace(/\.$/, '');
  return NAME.test(name) && isIP(name) === 0 ? name : undefined;
}
