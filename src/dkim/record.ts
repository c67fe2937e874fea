/** The record in the DNS that makes a signature count (RFC 6376 3.6.1): its text, and whether it is there. */
import type { SigningKey } from './signing-key.ts';

export function recordName(domain: string, selector: string): string {
  return `${selector}._domainkey.${domain}`;
}

type PublicKey = Pick<SigningKey, 'algorithm' | 'publicKey'>;

export function recordText({ algorithm, publicKey }: PublicKey): string {
  return `v=DKIM1; k=${keyType(algorithm)}; p=${publicKey}`;
}

/** What differs between the records of a name and what receivers must find; undefined: nothing. */
export function recordFault(texts: readonly string[], key: PublicKey): string | undefined {
  const [text, second] = texts;
  if (text === undefined) return 'there is no record';
  if (second !== undefined) return `there are ${texts.length} records where only one may be`;
  const tags = tagList(text);
  if (tags === undefined) return `is no list of tags: ${shown(text)}`;
  const version = tags.get('v');
  if (version !== undefined && version !== 'DKIM1') return `says v=${shown(version)}, not v=DKIM1`;
  const type = tags.get('k') ?? 'rsa';
  if (type !== keyType(key.algorithm)) return `has a key of type ${shown(type)}`;
  const publicKey = tags.get('p')?.replace(/\s+/g, '');
  if (publicKey === undefined) return 'has no key (p=)';
  if (publicKey === '') return 'says that the key is revoked (p= is empty)';
  if (publicKey !== key.publicKey) {
    const isCut = key.publicKey.startsWith(publicKey) || key.publicKey.endsWith(publicKey);
    return isCut ? 'has only a part of the key' : 'has another key';
  }
  const lists = (tag: string) =>
    tags
      .get(tag)
      ?.split(':')
      .map((word) => word.trim()) ?? [];
  const hashes = lists('h');
  if (hashes.length > 0 && !hashes.includes('sha256')) return 'does not allow sha256 (h=)';
  const services = lists('s');
  const isForMail = services.length === 0 || services.includes('*') || services.includes('email');
  return isForMail ? undefined : 'is not for mail (s=)';
}

function keyType(algorithm: SigningKey['algorithm']): string {
  return algorithm === 'rsa-sha256' ? 'rsa' : 'ed25519';
}

/** RFC 6376 3.2; a tag that is there twice makes all of it void. */
function tagList(text: string): ReadonlyMap<string, string> | undefined {
  const tags = new Map<string, string>();
  for (const part of text.split(';')) {
    if (part.trim() === '') continue;
    const [, name = '', value = ''] = /^\s*([a-z][a-z0-9_]*)\s*=\s*(.*?)\s*$/is.exec(part) ?? [];
    if (name === '' || tags.has(name)) return undefined;
    tags.set(name, value);
  }
  return tags;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
