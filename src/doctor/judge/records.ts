/** Which records the DNS should have for a gateway and its domains, and which of them are there. */
import type { DmarcFacts, MxFacts } from '../facts/domain-records.ts';
import type { KeyFacts } from '../facts/dkim.ts';
import type { Identity } from '../facts/identity.ts';
import type { PtrFacts } from '../facts/ptr.ts';
import type { SpfFacts } from '../facts/spf.ts';
import type { NeededRecord } from '../needed-records.ts';
import {
  addressRecord,
  dkimRecord,
  dmarcRecord,
  mxRecord,
  ptrRecord,
  spfRecord,
  textRecord,
} from '../needed-records.ts';

export interface RecordState extends NeededRecord {
  readonly state: 'there' | 'missing' | 'differs' | 'unsure';
  /** What is there in its place, or what to see to. */
  readonly note?: string;
}

export function recordsOfGateway(
  { hostname, lookup, sending }: Identity,
  ptrs: readonly PtrFacts[],
): RecordState[] {
  const isFound = lookup.kind === 'found';
  const addresses = isFound ? lookup.records.map(({ address }) => address) : sending;
  const state = isFound ? 'there' : lookup.kind === 'unsure' ? 'unsure' : 'missing';
  return [
    ...addresses.map((address) => ({ ...addressRecord(hostname, address), state }) as const),
    ...ptrs.map(({ address, lookup: found, confirmed, isDoubtful }): RecordState => {
      const record = ptrRecord(address, hostname);
      if (confirmed.includes(hostname)) return { ...record, state: 'there' };
      if (found.kind === 'unsure' || isDoubtful) return { ...record, state: 'unsure' };
      if (found.kind !== 'found') return { ...record, state: 'missing' };
      return { ...record, state: 'differs', note: `in place of ${found.records.join(', ')}` };
    }),
  ];
}

export interface DomainFacts {
  readonly name: string;
  readonly hostname: string;
  readonly mx: MxFacts;
  /** Undefined where the domain does not send through this gateway. */
  readonly spf: SpfFacts | undefined;
  readonly dmarc: DmarcFacts;
  /** Of a domain that sends. */
  readonly dkim: readonly KeyFacts[];
}

export function recordsOfDomain(facts: DomainFacts): RecordState[] {
  const { name, spf, dmarc } = facts;
  return [
    mxState(facts),
    ...(spf === undefined ? [] : [spfState(facts, spf)]),
    ...dkimStates(name, facts.dkim),
    dmarc.kind === 'found'
      ? { ...textRecord(dmarc.at, dmarc.text), state: 'there' }
      : { ...dmarcRecord(name), state: dmarc.kind === 'unsure' ? 'unsure' : 'missing' },
  ];
}

export function dkimStates(name: string, keys: readonly KeyFacts[]): RecordState[] {
  return keys
    .filter(({ isOld }) => !isOld)
    .map(({ key, state, text }): RecordState => {
      const record = dkimRecord(name, key);
      if (state === 'matches') return { ...record, state: 'there' };
      return state === 'differs' ? { ...record, state, note: text } : { ...record, state };
    });
}

function mxState({ name, hostname, mx }: DomainFacts): RecordState {
  const record = mxRecord(name, hostname);
  if (mx.kind === 'unsure') return { ...record, state: 'unsure' };
  const own = mx.hosts.find(({ isUs }) => isUs);
  if (own !== undefined) {
    const value = `${own.preference} ${own.exchange}.`;
    return { ...record, value, state: 'there' };
  }
  const others = mx.hosts.map(({ preference, exchange }) => `${preference} ${exchange}.`);
  if (others.length === 0) return { ...record, state: 'missing' };
  return { ...record, state: 'differs', note: `in place of ${others.join(', ')}` };
}

function spfState({ name, hostname }: DomainFacts, found: SpfFacts): RecordState {
  const { records, results, doubt } = found;
  const [before] = records;
  const lacking = results.filter(({ result }) => result !== 'pass').map(({ address }) => address);
  if (doubt !== undefined) return { ...spfRecord(name, before, []), state: 'unsure' };
  if (before === undefined) {
    const note = 'add whoever else sends for the domain';
    // Where the addresses are not known, the name leads to them.
    const first = lacking.length === 0 ? `v=spf1 a:${hostname} ~all` : undefined;
    return { ...spfRecord(name, first, lacking), state: 'missing', note };
  }
  if (lacking.length === 0 && records.length === 1)
    return { ...textRecord(name, before), state: 'there' };
  const note = `in place of ${records.map((record) => JSON.stringify(record)).join(' and ')}`;
  return { ...spfRecord(name, before, lacking), state: 'differs', note };
}
