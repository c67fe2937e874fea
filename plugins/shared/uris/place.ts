/**
 * Where a URI leads, as a browser reads it (WHATWG URL): control characters and backslashes, percent
 * signs in host names, IDN, and addresses in decimal, hexadecimal or octal all come out as one name
 * or address. Only what has a host on the net is a place: http, https and ftp.
 */
import { isIPv4 } from 'node:net';
import { getDomain, parse } from 'tldts';
import { dnsName } from '../dns-name.ts';

export interface Place {
  /** In the form of the DNS, lower case, or an address (IPv6 without brackets). */
  readonly host: string;
  /** Registered domain; undefined for an address, and for a name that nobody can register. */
  readonly domain: string | undefined;
  /** `odd`: an IPv4 address that is not written as four decimal numbers. */
  readonly address: 'none' | 'plain' | 'odd';
  /** All of it, in one way of writing. */
  readonly url: URL;
}

/** Longer ones are cut: what counts stands in front. */
const MAX_URI = 4096;
const SCHEMES: readonly string[] = ['http:', 'https:', 'ftp:'];
/** RFC 3986 3.1 */
const SCHEME = /^[a-z][a-z0-9+.-]{0,20}:/i;

/** `base`: what a reference without a scheme goes on from. */
export function placeOf(text: string, base?: URL): Place | undefined {
  const given = withoutTricks(text);
  const reference = given.startsWith('//') ? `http:${given}` : given;
  const url = SCHEME.test(reference)
    ? URL.parse(reference)
    : base === undefined
      ? null
      : URL.parse(reference, base.href);
  if (url === null || !SCHEMES.includes(url.protocol)) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (isIPv4(host) || host.includes(':')) {
    const isOdd = isIPv4(host) && SCHEME.test(reference) && writtenHost(reference) !== host;
    return { host, domain: undefined, address: isOdd ? 'odd' : 'plain', url };
  }
  const name = dnsName(host);
  if (name === undefined) return undefined;
  return { host: name, domain: registeredDomain(name), address: 'none', url };
}

/** Whose name a host is below; domains of hosters count as theirs who use them. */
export function registeredDomain(name: string): string | undefined {
  return getDomain(name, PUBLIC_SUFFIXES) ?? undefined;
}

/** The label that its owner has chosen: `bank` of `bank.co.uk`. */
export function ownLabel(domain: string): string {
  return parse(domain, PUBLIC_SUFFIXES).domainWithoutSuffix ?? '';
}

/** Ends like names on the net do. */
export function hasKnownEnding(name: string): boolean {
  const { isIcann, domain } = parse(name, { extractHostname: false });
  return isIcann === true && domain !== null;
}

const PUBLIC_SUFFIXES = { allowPrivateDomains: true, extractHostname: false } as const;

/** What a browser leaves out before it looks: spaces around, tabs and line ends anywhere. */
function withoutTricks(text: string): string {
  const given = text.slice(0, MAX_URI).replace(/[\t\r\n]+/g, '');
  // oxlint-disable-next-line no-control-regex -- these are the characters in question
  return given.replace(/^[\x00-\x20]+/, '');
}

/** Without a name, password or port. */
function writtenHost(reference: string): string {
  const authority = /^[a-z]+:[/\\]*([^/\\?#]*)/i.exec(reference)?.[1] ?? '';
  return authority.slice(authority.lastIndexOf('@') + 1).replace(/\.?(?::\d*)?$/, '');
}
