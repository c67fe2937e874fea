/**
 * Questions to the DNS, as the program asks them, and the four answers there are: found, nothing of
 * that type, no such name, unsure. An answer is a value; a resolver never rejects. What comes back
 * was written by somebody else: names and addresses are checked here, once, for everybody.
 */
import { isIP } from 'node:net';
import { isDomain } from '../mail/address.ts';

export interface MxRecord {
  readonly preference: number;
  /** In lower case without a final dot; empty for the root, which says "no mail" (RFC 7505). */
  readonly exchange: string;
}

export interface AddressRecord {
  readonly address: string;
  readonly ttlMs: number;
}

export type Lookup<T> =
  | { readonly kind: 'found'; readonly records: readonly T[] }
  /** The name is there, but nothing of this type. */
  | { readonly kind: 'none' }
  | { readonly kind: 'no-domain' }
  /** Nobody answered, or not with an answer: says nothing about the name. */
  | { readonly kind: 'unsure'; readonly text: string };

export interface Resolver {
  mx(name: string): Promise<Lookup<MxRecord>>;
  /** IPv4 and IPv6 together. */
  addresses(name: string): Promise<Lookup<AddressRecord>>;
}

/** What filters ask besides: who may send for a name, and which name an address has. */
export interface FilterResolver extends Resolver {
  a(name: string): Promise<Lookup<AddressRecord>>;
  aaaa(name: string): Promise<Lookup<AddressRecord>>;
  /** The strings of each record joined. */
  txt(name: string): Promise<Lookup<string>>;
  /** Names in lower case without a final dot. */
  ptr(address: string): Promise<Lookup<string>>;
}

/** More of one kind than any honest name has; the rest is not looked at. */
const MAX_RECORDS = 50;
/** Of all TXT records of a name; the largest that are in use have half of it. */
const MAX_TEXT = 16_384;

export function checkedMx(records: readonly MxRecord[]): Lookup<MxRecord> {
  const good = records
    .map(({ preference, exchange }) => ({
      preference,
      exchange: exchange.toLowerCase().replace(/\.$/, ''),
    }))
    .filter(({ exchange }) => exchange === '' || isHostName(exchange))
    .toSorted((a, b) => a.preference - b.preference)
    .slice(0, MAX_RECORDS);
  // Records that are there but none of which can be used are no word that there are none.
  if (good.length > 0) return { kind: 'found', records: good };
  return records.length === 0 ? { kind: 'none' } : { kind: 'unsure', text: 'unusable MX records' };
}

export function checkedAddresses(records: readonly AddressRecord[]): Lookup<AddressRecord> {
  const good = records.filter(({ address }) => isIP(address) !== 0).slice(0, MAX_RECORDS);
  return good.length > 0 ? { kind: 'found', records: good } : { kind: 'none' };
}

/** All of them or doubt: the one that matters may be the one left out. */
export function checkedTexts(texts: readonly string[]): Lookup<string> {
  if (texts.length === 0) return { kind: 'none' };
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  if (length > MAX_TEXT) return { kind: 'unsure', text: `more than ${MAX_TEXT} characters of TXT` };
  return { kind: 'found', records: texts };
}

export function checkedNames(names: readonly string[]): Lookup<string> {
  const good = names
    .map((name) => name.toLowerCase().replace(/\.$/, ''))
    .filter(isHostName)
    .slice(0, MAX_RECORDS);
  return good.length > 0 ? { kind: 'found', records: good } : { kind: 'none' };
}

/** IPv4 and IPv6 of one name: what is found counts, doubt about the other half does not. */
export function eitherOf<T>(one: Lookup<T>, other: Lookup<T>): Lookup<T> {
  if (one.kind === 'found' && other.kind === 'found') {
    return { kind: 'found', records: [...one.records, ...other.records] };
  }
  const found = [one, other].find(({ kind }) => kind === 'found');
  const unsure = [one, other].find(({ kind }) => kind === 'unsure');
  const none = [one, other].find(({ kind }) => kind === 'none');
  return found ?? unsure ?? none ?? one;
}

/** RFC 1035 allows more, but a mail server with such a name cannot be reached by it. */
function isHostName(name: string): boolean {
  return isDomain(name) && !name.startsWith('[') && isIP(name) === 0;
}
