/** What the DNS says of a hosted domain: who takes its mail, who may send it, what else is asked. */
import type { MxRecord, FilterResolver, Lookup } from '../../dns/resolver.ts';
import { canonicalHost } from '../../config/endpoint.ts';
import type { Domain } from '../../directory/domain.ts';
import type { Identity } from './identity.ts';

export interface MxHost extends MxRecord {
  readonly isUs: boolean;
  /** The customer's own server. */
  readonly isDestination: boolean;
  readonly addresses: 'found' | 'none' | 'unsure';
}

export interface MxFacts {
  readonly kind: Lookup<unknown>['kind'];
  readonly text?: string;
  /** In the order of their preference. */
  readonly hosts: readonly MxHost[];
}

export async function findMx(
  name: string,
  domain: Domain,
  { hostname, world }: Identity,
  resolver: FilterResolver,
): Promise<MxFacts> {
  const lookup = await resolver.mx(name);
  if (lookup.kind === 'unsure') return { kind: 'unsure', text: lookup.text, hosts: [] };
  if (lookup.kind !== 'found') return { kind: lookup.kind, hosts: [] };
  const routes = domain.split ?? [domain];
  const servers = routes.flatMap(({ destination }) => destination.hosts.map(({ host }) => host));
  const hosts = await Promise.all(
    lookup.records.map(async (record): Promise<MxHost> => {
      const found = await resolver.addresses(record.exchange);
      const addresses =
        found.kind === 'found' ? found.records.map(({ address }) => canonicalHost(address)) : [];
      const isOne = (list: readonly string[]) => addresses.some((each) => list.includes(each));
      return {
        ...record,
        isUs: record.exchange === hostname || isOne(world),
        isDestination: servers.includes(record.exchange) || isOne(servers.map(canonicalHost)),
        addresses: found.kind === 'found' || found.kind === 'unsure' ? found.kind : 'none',
      };
    }),
  );
  return { kind: 'found', hosts };
}

export interface DmarcFacts {
  /** `several`: which count as none (RFC 9989). */
  readonly kind: 'found' | 'several' | 'none' | 'unsure';
  /** Of the domain itself, or the one above it that says it. */
  readonly at: string;
  readonly text: string;
}

/** Steps of RFC 9989's walk up the tree. */
const MAX_LABELS = 8;

export async function findDmarc(name: string, resolver: FilterResolver): Promise<DmarcFacts> {
  const labels = name.split('.').slice(-MAX_LABELS);
  for (; labels.length > 1; labels.shift()) {
    const at = `_dmarc.${labels.join('.')}`;
    const lookup = await resolver.txt(at);
    if (lookup.kind === 'unsure') return { kind: 'unsure', at, text: lookup.text };
    const texts = lookup.kind === 'found' ? lookup.records : [];
    const records = texts.filter((text) => /^v=DMARC1[ \t]*(?:;|$)/.test(text));
    const [text = ''] = records;
    if (records.length > 0) return { kind: records.length > 1 ? 'several' : 'found', at, text };
  }
  return { kind: 'none', at: `_dmarc.${name}`, text: '' };
}
