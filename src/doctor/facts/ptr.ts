/** The names of an address, and which of them lead back to it. */
import { canonicalHost } from '../../config/endpoint.ts';
import type { FilterResolver, Lookup } from '../../dns/resolver.ts';

export interface PtrFacts {
  readonly address: string;
  readonly lookup: Lookup<string>;
  /** Names of it that lead back to the address. */
  readonly confirmed: readonly string[];
  /** Nobody said whether the names lead back. */
  readonly isDoubtful: boolean;
}

export async function findPtr(address: string, resolver: FilterResolver): Promise<PtrFacts> {
  const lookup = await resolver.ptr(address);
  const names = lookup.kind === 'found' ? lookup.records : [];
  const back = await Promise.all(names.map((name) => resolver.addresses(name)));
  const confirmed = names.filter((_, index) => {
    const found = back[index];
    const addresses = found?.kind === 'found' ? found.records : [];
    return addresses.some((each) => canonicalHost(each.address) === address);
  });
  return { address, lookup, confirmed, isDoubtful: back.some(({ kind }) => kind === 'unsure') };
}
