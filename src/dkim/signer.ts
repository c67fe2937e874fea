/**
 * Signs what leaves in the name of a customer, or in ours: with the author's domain, so that receivers find
 * what they show to be what was signed (RFC 9989), and only by keys whose record is in the DNS. What cannot
 * be signed goes as it is; why is said.
 */
import type { HeaderField } from '../mail/header.ts';
import { authorDomain } from '../mail/author-domain.ts';
import type { NamedKey } from './key-folder.ts';
import type { WatchedKey } from './record-watch.ts';
import { recordName } from './record.ts';
import { signatureField } from './signature.ts';
import type { Algorithm } from './signing-key.ts';

/** The keys of those domains that one sender may write as. */
export interface SigningKeys {
  /** By domain in ASCII, as it stands in `d=`; those wanted most first. */
  readonly byDomain: ReadonlyMap<string, readonly NamedKey[]>;
  /** Names of further fields to be signed, in lower case. */
  readonly headers: readonly string[];
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
  { byDomain, headers }: SigningKeys,
  isSeen: (key: WatchedKey) => boolean,
  ascii: (domain: string) => string,
): Promise<Signed> {
  const author = authorDomain(header, fields);
  const domain = author === undefined ? undefined : ascii(author);
  const keys = domain === undefined ? undefined : byDomain.get(domain);
  if (domain === undefined || keys === undefined) return { kind: 'unsigned', why: 'author' };
  if (keys.length === 0) return { kind: 'unsigned', why: 'no_key' };
  const seen = keys.filter((key) => isSeen({ domain, ...key }));
  const wanted = seen.filter((key) => key.selector === selector);
  const chosen = onePerAlgorithm(wanted.length > 0 ? wanted : seen);
  if (chosen.length === 0) return { kind: 'unsigned', why: 'no_record' };
  const message = { header, fields, bodyHash, more: headers, at };
  const own = await Promise.all(
    chosen.map(({ selector: s, key }) => signatureField(message, { domain, selector: s, key })),
  );
  const by = chosen.map((key) => recordName(domain, key.selector));
  return { kind: 'signed', top: own.join(''), by };
}

function onePerAlgorithm(keys: readonly NamedKey[]): NamedKey[] {
  const first = new Map<Algorithm, NamedKey>();
  for (const one of keys) if (!first.has(one.key.algorithm)) first.set(one.key.algorithm, one);
  return [...first.values()];
}
