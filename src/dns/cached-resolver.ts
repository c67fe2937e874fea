/**
 * A resolver in front of another one: remembers answers for their time, within bounds, and lets
 * those who ask the same at once share one question. Doubt is hardly remembered, and what was known
 * is not used beyond its time: an old address may be somebody else's by now.
 */
import type { Clock } from '../base/clock.ts';
import type { AddressRecord, FilterResolver, Lookup, MxRecord, Resolver } from './resolver.ts';

/** Entries of each kind; the one asked for longest ago goes first. */
const MAX_ENTRIES = 10_000;
/** The same of texts, which may be long. */
const MAX_TEXTS = 2_000;
/** `node:dns` tells the time to live of addresses alone. */
const UNTOLD_MS = 5 * 60_000;
const MIN_MS = 30_000;
const MAX_MS = 3600_000;
/** RFC 2308 lets the zone say; we do not hear it. */
const NEGATIVE_MS = 60_000;
/** Enough that a burst of mail asks once. */
const UNSURE_MS = 2_000;

interface Entry<T> {
  readonly answer: Promise<Lookup<T>>;
  /** By the monotonic clock; undefined while the question is open. */
  endsAt: number | undefined;
}

export function createCachedResolver(inner: Resolver, clock: Clock): Resolver {
  const mx = new Map<string, Entry<MxRecord>>();
  const addresses = new Map<string, Entry<AddressRecord>>();
  return {
    mx: (name) => recall(mx, name, clock, () => inner.mx(name), untoldMs),
    addresses: (name) => recall(addresses, name, clock, () => inner.addresses(name), addressMs),
  };
}

/** The same for all that filters ask. */
export function createFilterCache(inner: FilterResolver, clock: Clock): FilterResolver {
  const a = new Map<string, Entry<AddressRecord>>();
  const aaaa = new Map<string, Entry<AddressRecord>>();
  const txt = new Map<string, Entry<string>>();
  const ptr = new Map<string, Entry<string>>();
  return {
    ...createCachedResolver(inner, clock),
    a: (name) => recall(a, name, clock, () => inner.a(name), addressMs),
    aaaa: (name) => recall(aaaa, name, clock, () => inner.aaaa(name), addressMs),
    txt: (name) => recall(txt, name, clock, () => inner.txt(name), untoldMs, MAX_TEXTS),
    ptr: (address) => recall(ptr, address, clock, () => inner.ptr(address), untoldMs),
  };
}

function recall<T>(
  entries: Map<string, Entry<T>>,
  name: string,
  clock: Clock,
  ask: () => Promise<Lookup<T>>,
  foundMs: (records: readonly T[]) => number,
  most = MAX_ENTRIES,
): Promise<Lookup<T>> {
  const key = name.toLowerCase();
  const known = entries.get(key);
  // Taken out and put in again, so that the map's order is the order they were asked for in.
  if (known !== undefined) entries.delete(key);
  if (known !== undefined && (known.endsAt === undefined || known.endsAt > clock.mono())) {
    entries.set(key, known);
    return known.answer;
  }
  for (const oldest of entries.keys()) {
    if (entries.size < most) break;
    entries.delete(oldest);
  }
  const answer = ask().then((lookup) => {
    const ms =
      lookup.kind === 'found'
        ? foundMs(lookup.records)
        : lookup.kind === 'unsure'
          ? UNSURE_MS
          : NEGATIVE_MS;
    entry.endsAt = clock.mono() + ms;
    return lookup;
  });
  const entry: Entry<T> = { answer, endsAt: undefined };
  entries.set(key, entry);
  return answer;
}

function untoldMs(): number {
  return UNTOLD_MS;
}

function addressMs(records: readonly AddressRecord[]): number {
  const least = Math.min(...records.map(({ ttlMs }) => ttlMs));
  return Math.min(Math.max(least, MIN_MS), MAX_MS);
}
