/**
 * Mailbox addresses and SMTP paths (RFC 5321 4.1.2, 4.1.3; RFC 6531 3.3). Parsing is strict,
 * linear in the input and never throws: it returns an address or the sentence that says what is
 * wrong. Source routes are refused, for nobody uses them but relay attackers.
 */
export interface Address {
  /** Local part as written, quotes included. */
  readonly local: string;
  /** Domain or address literal as written; compare with `domainKey`. */
  readonly domain: string;
}

/** A reverse-path is an address or the null reverse-path `<>`. */
export type ReversePath = Address | null;

export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

const MAX_LOCAL = 64; // RFC 5321 4.5.3.1.1
const MAX_DOMAIN = 255; // RFC 5321 4.5.3.1.2
const MAX_PATH = 254; // RFC 5321 4.5.3.1.3, without the angle brackets

/** Nearly all there are; the others are looked at label by label. */
const PLAIN_DOT_ATOM = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?:\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*$/;
const PLAIN_LABEL = '[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?';
const PLAIN_DOMAIN = new RegExp(`^${PLAIN_LABEL}(?:\\.${PLAIN_LABEL})*$`);

const ATEXT = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u{80}-\u{10ffff}]+$/u;
const LABEL = /^[\p{L}\p{N}\p{M}](?:[\p{L}\p{N}\p{M}_-]{0,61}[\p{L}\p{N}\p{M}])?$/u;
/** RFC 5321 4.1.2 Quoted-string, RFC 6531 3.3; each character fits one branch only: linear. */
const QUOTED_STRING = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u{80}-\u{10ffff}]|\\[\x20-\x7e])*"/u;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const IPV6 = /^IPv6:[0-9A-Fa-f:.]{2,45}$/i;

export function formatAddress(address: Address): string {
  return `${address.local}@${address.domain}`;
}
export function formatPath(path: ReversePath): string {
  return path === null ? '<>' : `<${formatAddress(path)}>`;
}
/** The reverse-path as logs show it: empty for the null reverse-path. */
export function pathText(path: ReversePath): string {
  return path === null ? '' : formatAddress(path);
}

/** The domain in the form it is compared and stored in. */
export function domainKey(domain: string): string {
  const lower = domain.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

export function isAscii(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the range is the point
  return /^[\x00-\x7f]*$/.test(text);
}

export function needsSmtpUtf8(path: ReversePath): boolean {
  return path !== null && !(isAscii(path.local) && isAscii(path.domain));
}

/** Parses `local@domain` without angle brackets. */
export function parseAddress(text: string): Parsed<Address> {
  if (isLonger(text, MAX_PATH)) return bad('address too long');
  const at = text.startsWith('"') ? quotedEnd(text) : text.indexOf('@');
  if (at <= 0 || text[at] !== '@') return bad('address must be local-part@domain');
  const local = text.slice(0, at);
  const domain = text.slice(at + 1);
  if (isLonger(local, MAX_LOCAL)) return bad('local part too long');
  if (!local.startsWith('"') && !isDotAtom(local)) return bad('bad local part');
  if (!isDomain(domain)) return bad('bad domain');
  return { ok: true, value: { local, domain } };
}

/** Parses the path after `MAIL FROM:`; only this one may be null. */
export function parseReversePath(text: string): Parsed<ReversePath> {
  if (text === '<>') return { ok: true, value: null };
  return parseForwardPath(text);
}

/** Parses the path after `RCPT TO:`; `<Postmaster>` without a domain is for the caller to know. */
export function parseForwardPath(text: string): Parsed<Address> {
  if (!text.startsWith('<') || !text.endsWith('>')) return bad('path must be in <angle brackets>');
  if (text.startsWith('<@')) return bad('source routes are not accepted');
  return parseAddress(text.slice(1, -1));
}

/** What stands before the first blank of a line, where blanks in a quoted local part are none. */
export function leadingWord(line: string): string {
  const quoted = Math.max(0, quotedEnd(line));
  const blank = line.slice(quoted).search(/\s/);
  return blank < 0 ? line : line.slice(0, quoted + blank);
}

export function isDomain(domain: string): boolean {
  if (domain.startsWith('[')) return isAddressLiteral(domain);
  if (domain.length === 0 || isLonger(domain, MAX_DOMAIN)) return false;
  if (PLAIN_DOMAIN.test(domain)) return true;
  return domain.split('.').every((label) => LABEL.test(label));
}

/** `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 4.1.3). */
export function isAddressLiteral(text: string): boolean {
  if (!text.startsWith('[') || !text.endsWith(']')) return false;
  const inner = text.slice(1, -1);
  return IPV4.test(inner) || IPV6.test(inner);
}

function isDotAtom(local: string): boolean {
  return PLAIN_DOT_ATOM.test(local) || local.split('.').every((atom) => ATEXT.test(atom));
}

/** Index just behind the quoted string that `text` starts with, or -1. */
function quotedEnd(text: string): number {
  return QUOTED_STRING.exec(text)?.[0].length ?? -1;
}

/** A unit of a string has one to three octets, so most text need not be measured. */
function isLonger(text: string, octets: number): boolean {
  if (text.length > octets) return true;
  return text.length * 3 > octets && Buffer.byteLength(text) > octets;
}

function bad(problem: string): { ok: false; problem: string } {
  return { ok: false, problem };
}
