/**
 * Whose name a message carries: the domains of its From field (RFC 5322 3.6.2), as DKIM and DMARC look at
 * it. A strict reading in one pass: what a lenient reader could take for another author is nobody's.
 */
import { domainKey, isDomain } from './address.ts';
import type { HeaderField } from './header.ts';

/** Far beyond what people write; more is not read. */
const MAX_FROM = 8192;

/** Undefined without exactly one From field, or when its addresses are not all of one domain. */
export function authorDomain(
  header: Uint8Array,
  fields: readonly HeaderField[],
): string | undefined {
  const domains = authorDomains(header, fields);
  return domains?.length === 1 ? domains[0] : undefined;
}

/** Each domain once, at least one; undefined without exactly one From field that is clear. */
export function authorDomains(
  header: Uint8Array,
  fields: readonly HeaderField[],
): readonly string[] | undefined {
  return domainsOf('from', header, fields);
}

/** The same with whoever sent it for its authors, where a Sender field names one. */
export function namedDomains(
  header: Uint8Array,
  fields: readonly HeaderField[],
): readonly string[] | undefined {
  const authors = domainsOf('from', header, fields);
  if (!fields.some(({ name }) => name === 'sender')) return authors;
  const senders = domainsOf('sender', header, fields);
  return authors && senders && [...authors, ...senders];
}

function domainsOf(
  field: 'from' | 'sender',
  header: Uint8Array,
  fields: readonly HeaderField[],
): readonly string[] | undefined {
  const [from, second] = fields.filter(({ name }) => name === field);
  if (from === undefined || second !== undefined || isDisguised(header, field)) return undefined;
  if (from.end - from.valueStart > MAX_FROM) return undefined;
  const bytes = header.subarray(from.valueStart, from.end);
  let value: string;
  try {
    value = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined; // no name in the DNS is written so
  }
  if (CONTROL.test(value)) return undefined;
  const domains = new Set<string>();
  for (const address of addressTexts(value) ?? []) {
    const domain = domainOf(address);
    if (domain === undefined) return undefined;
    domains.add(domain);
  }
  return domains.size === 0 ? undefined : [...domains];
}

/** Another field of this name for a program that drops what no name may hold: NUL, no-break spaces. */
function isDisguised(header: Uint8Array, field: string): boolean {
  const text = Buffer.from(header.buffer, header.byteOffset, header.length).toString('latin1');
  return (text.match(FIELD_NAME) ?? []).some((name) => {
    if (name.trimEnd().toLowerCase() === field) return false;
    return name.replace(/[^\x21-\x7e]+/g, '').toLowerCase() === field;
  });
}

/** From the beginning of a line that is no fold. */
const FIELD_NAME = /^[^ \t:\r\n][^:\r\n]*(?=:)/gm;

/** Some readers see the end of a text in one, or nothing where it stands. Folds and tabs are blanks. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;
/** One word, or one in quotes: in more of them somebody may see another address. */
const LOCAL_PART = /^(?:[^@"]+|"(?:[^"\\]|\\.)*")$/s;

/** Undefined for what is no address. */
function domainOf(address: string): string | undefined {
  const at = address.lastIndexOf('@');
  const domain = address.slice(at + 1);
  if (!LOCAL_PART.test(address.slice(0, Math.max(at, 0)))) return undefined;
  return domain.startsWith('[') || !isDomain(domain) ? undefined : domainKey(domain);
}

/** The texts of the addresses without names, comments and blanks; undefined when it is no list of them. */
function addressTexts(value: string): string[] | undefined {
  const found: string[] = [];
  let plain = '';
  let words = '';
  let angled: string | undefined;
  let isInAngles = false;
  const end = () => {
    const text = angled ?? plain;
    if (text !== '') found.push(text);
    if (angled !== undefined) found.push(...words.split(' ').filter(looksLikeAddress));
    plain = '';
    words = '';
    angled = undefined;
  };
  for (let i = 0; i < value.length; i++) {
    const char = value.charAt(i);
    if (char === '(' || char === '"') {
      const behind = char === '(' ? commentEnd(value, i) : quotedEnd(value, i);
      if (behind === undefined) return undefined;
      if (char === '"') {
        if (isInAngles) angled += value.slice(i, behind);
        else if (angled !== undefined) return undefined;
        else plain += value.slice(i, behind);
      }
      i = behind - 1;
    } else if (char === '<') {
      if (isInAngles || angled !== undefined) return undefined;
      isInAngles = true;
      angled = '';
    } else if (char === '>') {
      if (!isInAngles) return undefined;
      isInAngles = false;
    } else if (char === ':' || char === ';') {
      return undefined; // RFC 6854 allows groups, old mail has routes; nobody stands for one
    } else if (char === ',') {
      if (isInAngles) return undefined;
      end();
    } else if (!/\s/.test(char)) {
      if (isInAngles) angled += char;
      else if (angled !== undefined) return undefined;
      else {
        plain += char;
        words += char;
      }
    } else words += ' ';
  }
  if (isInAngles) return undefined;
  end();
  return found;
}

/** In a name without quotes: some readers take it for the author. `Anna@work` is nobody elsewhere. */
function looksLikeAddress(word: string): boolean {
  const at = word.indexOf('@');
  return at > 0 && word.includes('.', at + 1);
}

function quotedEnd(value: string, from: number): number | undefined {
  for (let i = from + 1; i < value.length; i++) {
    const char = value.charAt(i);
    if (char === '\\') i += 1;
    else if (char === '"') return i + 1;
  }
  return undefined;
}

/** RFC 5322 3.2.2: comments nest. */
function commentEnd(value: string, from: number): number | undefined {
  let depth = 0;
  for (let i = from; i < value.length; i++) {
    const char = value.charAt(i);
    if (char === '\\') i += 1;
    else if (char === '(') depth += 1;
    else if (char === ')' && --depth === 0) return i + 1;
  }
  return undefined;
}
