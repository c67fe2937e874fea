/** The DNS of a plugin's host out of a table, for tests of filters; a name that is not in it is not there. */
import type { Dns, DnsAnswer } from '../../src/plugin.ts';

export interface TableZone {
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  readonly mx?: readonly { readonly preference: number; readonly exchange: string }[];
  readonly txt?: readonly string[];
}

export interface TableDns {
  /** By name in lower case; `unsure` is a server that does not answer. */
  readonly zones?: Readonly<Record<string, TableZone | 'unsure'>>;
  /** Names by address. */
  readonly names?: Readonly<Record<string, readonly string[]>>;
}

export function tableDns({ zones = {}, names = {} }: TableDns = {}): Dns {
  async function records<T>(
    name: string,
    of: (zone: TableZone) => readonly T[] | undefined,
  ): Promise<DnsAnswer<T>> {
    const zone = zones[name.toLowerCase()];
    if (zone === 'unsure') return { kind: 'unsure', text: 'no answer' };
    return zone === undefined ? NO_DOMAIN : answerOf(of(zone));
  }
  return {
    a: (name) => records(name, ({ a }) => a),
    aaaa: (name) => records(name, ({ aaaa }) => aaaa),
    mx: (name) => records(name, ({ mx }) => mx),
    txt: (name) => records(name, ({ txt }) => txt),
    ptr: async (address) => (address in names ? answerOf(names[address]) : NO_DOMAIN),
  };
}

const NO_DOMAIN = { kind: 'no-domain' } as const;

function answerOf<T>(records: readonly T[] | undefined): DnsAnswer<T> {
  return records === undefined || records.length === 0
    ? { kind: 'none' }
    : { kind: 'found', records };
}
