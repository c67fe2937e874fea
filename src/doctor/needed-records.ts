/** Records that the DNS should have for a gateway and its domains, in the words of a zone file. */

import type { NamedKey } from '../dkim/key-folder.ts';
import { recordName, recordText } from '../dkim/record.ts';

export interface NeededRecord {
  /** With its final dot. */
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'PTR' | 'MX' | 'TXT';
  readonly value: string;
}

const TTL = 3600;
/** Of a string in a TXT record (RFC 1035 3.3.14). */
const MAX_STRING = 255;

export function zoneLine({ name, type, value }: NeededRecord): string {
  return `${name} ${TTL} IN ${type} ${value}`;
}

export function addressRecord(hostname: string, address: string): NeededRecord {
  return { name: `${hostname}.`, type: address.includes(':') ? 'AAAA' : 'A', value: address };
}

export function ptrRecord(address: string, hostname: string): NeededRecord {
  return { name: reverseName(address), type: 'PTR', value: `${hostname}.` };
}

export function mxRecord(domain: string, hostname: string): NeededRecord {
  return { name: `${domain}.`, type: 'MX', value: `10 ${hostname}.` };
}

/**
 * `before`: the record that is there, which keeps what it says; `addresses`: those that it lacks.
 * A new one covers the gateway alone: whoever else sends must be added by who knows them.
 */
export function spfRecord(
  domain: string,
  before: string | undefined,
  addresses: readonly string[],
): NeededRecord {
  const ours = addresses.map((each) => `${each.includes(':') ? 'ip6' : 'ip4'}:${each}`);
  const terms = before?.trim().split(/ +/) ?? ['v=spf1', '~all'];
  const end = terms.findIndex((term) => /^(?:[-+~?]?all$|redirect=)/i.test(term));
  const at = end < 0 ? terms.length : end;
  const text = [...terms.slice(0, at), ...ours, ...terms.slice(at)].join(' ');
  return textRecord(domain, text);
}

export function dmarcRecord(domain: string): NeededRecord {
  const text = `v=DMARC1; p=none; rua=mailto:postmaster@${domain}`;
  return textRecord(`_dmarc.${domain}`, text);
}

export function dkimRecord(domain: string, { selector, key }: NamedKey): NeededRecord {
  return textRecord(recordName(domain, selector), recordText(key));
}

/** One that is there, as it is. */
export function textRecord(name: string, text: string): NeededRecord {
  return { name: `${name}.`, type: 'TXT', value: quoted(text) };
}

function quoted(text: string): string {
  const parts = text.match(new RegExp(`.{1,${MAX_STRING}}`, 'gs')) ?? [''];
  return parts.map((part) => `"${part.replace(/["\\]/g, String.raw`\$&`)}"`).join(' ');
}

/** RFC 1035 3.5 and RFC 3596 2.5. */
export function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').toReversed().join('.')}.in-addr.arpa.`;
  const [before = '', after] = address.split('::');
  const groups = (text: string) => text.split(':').filter((group) => group !== '');
  const head = groups(before);
  const tail = groups(after ?? '');
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  const digits = [...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join('');
  return `${digits.split('').toReversed().join('.')}.ip6.arpa.`;
}
