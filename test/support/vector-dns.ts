/** The DNS of the corpus vectors (`zones/README.md`) as a filter is given it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dns, DnsAnswer } from '../../src/plugin.ts';
import { CORPUS } from './corpus.ts';

export interface VectorZone {
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  readonly MX?: readonly { readonly preference: number; readonly exchange: string }[];
  readonly TXT?: readonly (string | readonly string[])[];
  readonly PTR?: readonly string[];
  readonly _error?: string;
  readonly _errors?: readonly string[];
}

export type VectorZones = Readonly<Record<string, VectorZone>>;

export function vectorZones(file: string): VectorZones {
  const { records } = JSON.parse(readFileSync(join(CORPUS, 'zones', file), 'utf8')) as {
    records: VectorZones;
  }; // the corpus has this shape
  return records;
}

export function vectorDns(zones: VectorZones): Dns {
  async function answer<T>(
    name: string,
    of: (zone: VectorZone) => readonly T[] | undefined,
  ): Promise<DnsAnswer<T>> {
    const zone = zones[name.toLowerCase().replace(/\.$/, '')];
    if (zone === undefined || zone._error === 'PERMERROR') return { kind: 'no-domain' };
    const records = of(zone);
    if (records !== undefined && records.length > 0) return { kind: 'found', records };
    const isSilent = zone._errors?.includes('TIMEOUT') === true || zone._error !== undefined;
    return isSilent ? { kind: 'unsure', text: 'no answer' } : { kind: 'none' };
  }
  return {
    a: (name) => answer(name, ({ A }) => A),
    aaaa: (name) => answer(name, ({ AAAA }) => AAAA),
    mx: (name) => answer(name, ({ MX }) => MX),
    txt: (name) => answer(name, ({ TXT }) => TXT?.map((text) => [text].flat().join(''))),
    ptr: (address) => answer(arpa(address), ({ PTR }) => PTR),
  };
}

/** For IPv4, and for IPv6 with all of its digits. */
function arpa(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const digits = address.replaceAll(':', '').split('').reverse();
  return `${digits.join('.')}.ip6.arpa`;
}
