/** Whether the SPF record of a domain lets our addresses send, as a receiver would find it (RFC 7208). */
import type { DNSResolver } from 'mailauth';
import type { FilterResolver, Lookup } from '../../dns/resolver.ts';
import type { Identity } from './identity.ts';

export interface SpfFacts {
  /** The records themselves; more than one are a fault of theirs. */
  readonly records: readonly string[];
  readonly results: readonly SpfResult[];
  /** Why nothing can be said. */
  readonly doubt: string | undefined;
}

export interface SpfResult {
  readonly address: string;
  /** `pass`, `fail`, `softfail`, `neutral`, `none`, `permerror`, `temperror`. */
  readonly result: string;
  readonly comment: string;
}

/** RFC 7208 4.6.4 gives an evaluation at least 20 seconds. */
const ELAPSED_MS = 20_000;

export async function findSpf(
  name: string,
  { hostname, sending }: Identity,
  resolver: FilterResolver,
): Promise<SpfFacts> {
  const lookup = await resolver.txt(name);
  if (lookup.kind === 'unsure') return { records: [], results: [], doubt: lookup.text };
  const texts = lookup.kind === 'found' ? lookup.records : [];
  const records = texts.filter((text) => /^v=spf1(?: |$)/i.test(text));
  if (records.length === 0) {
    const results = sending.map((address) => ({ address, result: 'none', comment: '' }));
    return { records, results, doubt: undefined };
  }
  // Loaded when it is used: it takes a while.
  const { spf } = await import('mailauth');
  const results = await Promise.all(
    sending.map(async (address): Promise<SpfResult> => {
      const { status } = await spf({
        ...{ ip: address, helo: hostname, mta: hostname, sender: `postmaster@${name}` },
        ...{ strict: true, maxElapsedTime: ELAPSED_MS },
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its type forgets MX, whose records are objects as in node:dns
        resolver: asked(resolver) as DNSResolver,
      });
      return { address, result: status.result, comment: status.comment ?? '' };
    }),
  );
  const doubtful = results.find(({ result }) => result === 'temperror');
  return { records, results, doubt: doubtful?.comment };
}

/** As `node:dns` would answer: with records, or by throwing. */
function asked(resolver: FilterResolver) {
  return async (name: string, type: string): Promise<unknown> => {
    switch (type) {
      case 'TXT':
        return recordsOf(await resolver.txt(name), (text) => [text]);
      case 'A':
        return recordsOf(await resolver.a(name), ({ address }) => address);
      case 'AAAA':
        return recordsOf(await resolver.aaaa(name), ({ address }) => address);
      case 'MX':
        return recordsOf(await resolver.mx(name), ({ preference, exchange }) => {
          return { priority: preference, exchange };
        });
      default:
        throw Object.assign(new Error(`${type} is not asked here`), { code: 'ENODATA' });
    }
  };
}

function recordsOf<T, R>(lookup: Lookup<T>, form: (record: T) => R): R[] {
  switch (lookup.kind) {
    case 'found':
      return lookup.records.map(form);
    case 'none':
      throw Object.assign(new Error('no such record'), { code: 'ENODATA' });
    case 'no-domain':
      throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    case 'unsure':
      throw Object.assign(new Error(lookup.text), { code: 'ESERVFAIL' });
    default:
      return lookup satisfies never;
  }
}
