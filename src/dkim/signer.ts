/**
 * Signs what leaves in the name of a customer, or in ours: with the author's domain, so that receivers find
 * what they show to be what was signed (RFC 9989), and only by keys whose record is in the DNS. What cannot
 * be signed goes as it is; why is said.
 */
import { domainToASCII } from 'node:url';
import { isAscii } from '../mail/address.ts';
import type { HeaderField } from '../mail/header.ts';
import { authorDomain } from '../mail/author-domain.ts';
import type { NamedKey } from './key-folder.ts';
import type { WatchedKey } from './record-watch.ts';
import { recordName } from './record.ts';
import { signatureField } from './signature.ts';
import type { Algorithm } from './signing-key.ts';

export interface KeysOfDomain {
  /** In ASCII, as it stands in `d=`. */
  readonly domain: string;
  /** The newest first. */
  readonly all: readonly NamedKey[];
  /** Those for mail without a selector of its own; wanted most first. */
  readonly usual: readonly NamedKey[];
  /** Selectors that accounts have of their own. */
  readonly ofAccounts: readonly string[];
}

/** What signs for those domains that one sender may write as. */
export interface SigningKeys {
  readonly domains: readonly KeysOfDomain[];
  /** Names of further fields to be signed, in lower case. */
  readonly headers: readonly string[];
}

export const NO_KEYS: SigningKeys = { domains: [], headers: [] };

/** The keys whose records there must be: the others sign nothing, or nothing for long. */
export function neededKeys({ all, usual, ofAccounts }: Omit<KeysOfDomain, 'domain'>): NamedKey[] {
  const own = all.filter(({ selector }) => ofAccounts.includes(selector));
  return [...new Set([...onePerAlgorithm(usual), ...own])];
}

/** Likewise, under the names of their domains. */
export function neededRecords({ domains }: SigningKeys): WatchedKey[] {
  return domains.flatMap((keys) => {
    return neededKeys(keys).map((key) => ({ domain: keys.domain, ...key }));
  });
}

export function watchedKeys({ domains }: SigningKeys): WatchedKey[] {
  return domains.flatMap(({ domain, all }) => all.map((key) => ({ domain, ...key })));
}

export interface UnsignedMessage {
  readonly header: Buffer;
  readonly fields: readonly HeaderField[];
  readonly bodyHash: string;
  /** The one to sign with, as far as its record is there. */
  readonly selector?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** `author`: no one author, or not one of ours; `no_record`: no record of any key has been seen. */
export type WhyUnsigned = 'author' | 'no_key' | 'no_record';

export type Signed =
  | {
      readonly kind: 'signed';
      /** Whole fields. */
      readonly top: string;
      /** Names of the records that verify them. */
      readonly by: readonly string[];
    }
  | { readonly kind: 'unsigned'; readonly why: WhyUnsigned };

export async function signMessage(
  { header, fields, bodyHash, selector, at }: UnsignedMessage,
  { domains, headers }: SigningKeys,
  isSeen: (key: WatchedKey) => boolean,
): Promise<Signed> {
  const author = authorDomain(header, fields);
  const keys = author === undefined ? undefined : keysFor(author, domains);
  if (keys === undefined) return { kind: 'unsigned', why: 'author' };
  const { domain, all, usual } = keys;
  if (all.length === 0) return { kind: 'unsigned', why: 'no_key' };
  const seen = (key: NamedKey) => isSeen({ domain, ...key });
  const wanted = all.filter((key) => key.selector === selector).filter(seen);
  const chosen = onePerAlgorithm(wanted.length > 0 ? wanted : usual.filter(seen));
  if (chosen.length === 0) return { kind: 'unsigned', why: 'no_record' };
  const message = { header, fields, bodyHash, more: headers, at };
  const own = await Promise.all(chosen.map((one) => signatureField(message, { domain, ...one })));
  const by = chosen.map((key) => recordName(domain, key.selector));
  return { kind: 'signed', top: own.join(''), by };
}

/** A name beyond ASCII is the same as its ASCII form (RFC 8616). */
function keysFor(author: string, domains: readonly KeysOfDomain[]): KeysOfDomain | undefined {
  const ascii = isAscii(author) ? author : domainToASCII(author);
  return domains.find(({ domain }) => domain === ascii);
}

/** RSA on top: there are receivers that look at one signature, and at that algorithm only. */
function onePerAlgorithm(keys: readonly NamedKey[]): NamedKey[] {
  return ALGORITHMS.flatMap((algorithm) => {
    const one = keys.find(({ key }) => key.algorithm === algorithm);
    return one === undefined ? [] : [one];
  });
}

const ALGORITHMS: readonly Algorithm[] = ['rsa-sha256', 'ed25519-sha256'];
