/**
 * The addresses of destinations that are given by name, over time: looked up at each examination and
 * compared with what they were before. Losing a note costs nothing but the history.
 */
import type { Clock } from '../base/clock.ts';
import type { Resolver } from '../dns/resolver.ts';
import type { TtlMap } from '../store/ttl-map.ts';
import type { NamedHost } from './examination-judgements.ts';

const NAMESPACE = 'dest-addresses';
const WEEK_MS = 7 * 24 * 3600 * 1000;
const KEEP_MS = 30 * 24 * 3600 * 1000;
/** More changes than this are no better and no worse. */
const MAX_CHANGES = 10;

interface Note {
  readonly addresses: readonly string[];
  readonly since: number;
  readonly changes: readonly number[];
}

export interface AddressHistoryOptions {
  readonly map: Pick<TtlMap, 'get' | 'put'>;
  readonly resolver: Pick<Resolver, 'addresses'>;
  readonly clock: Clock;
}

export class AddressHistory {
  readonly #options: AddressHistoryOptions;

  constructor(options: AddressHistoryOptions) {
    this.#options = options;
  }

  async look(name: string): Promise<NamedHost> {
    const { map, resolver, clock } = this.#options;
    const now = clock.now();
    const lookup = await resolver.addresses(name);
    const before = decode((await map.get(NAMESPACE, name))?.value);
    if (lookup.kind !== 'found') {
      const changes = recent(before, now).length;
      return { name, addresses: undefined, changes, watchedSince: before?.since ?? now };
    }
    const addresses = lookup.records.map(({ address }) => address).toSorted();
    const isChange = before !== undefined && before.addresses.join() !== addresses.join();
    const changes = [...recent(before, now), ...(isChange ? [now] : [])].slice(-MAX_CHANGES);
    const note: Note = { addresses, since: before?.since ?? now, changes };
    await map.put(NAMESPACE, name, Buffer.from(JSON.stringify(note)), KEEP_MS);
    return { name, addresses: lookup.records, changes: changes.length, watchedSince: note.since };
  }
}

function recent(note: Note | undefined, now: number): readonly number[] {
  return (note?.changes ?? []).filter((at) => now - at < WEEK_MS);
}

function decode(bytes: Uint8Array | undefined): Note | undefined {
  if (bytes === undefined) return undefined;
  try {
    const { addresses, since, changes } = JSON.parse(
      Buffer.from(bytes).toString(),
    ) as Partial<Note>; // stored by us
    const isWhole = Array.isArray(addresses) && Array.isArray(changes) && typeof since === 'number';
    return isWhole ? { addresses, since, changes } : undefined;
  } catch {
    return undefined; // a damaged note is a new beginning
  }
}
