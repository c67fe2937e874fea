/**
 * Who works on which message: leases in memory, for LevelDB has one process, and a crash ends them
 * all. A token is the epoch of this start of the store and a number, so it is never given twice. A
 * lease that is over stays in force until its message is given to somebody else. A lease without an
 * end is a step that is being written: nobody else may begin one on that message.
 */
import type { Held } from '../spool-store.ts';
import type { StoredContent } from './record-codec.ts';
import type { Place } from './keys.ts';

export interface ActiveLease {
  readonly token: bigint;
  readonly dest: string;
  readonly place: Place;
  /** By the monotonic clock. */
  endsAt: number;
  /** Known once the record was read. */
  content?: StoredContent;
}

/** Room for 10^12 claims in one run and for eight million starts in 63 bits. */
const COUNTER_BITS = 40n;

export class Leases {
  readonly #byId = new Map<string, ActiveLease>();
  readonly #byDest = new Map<string, Set<string>>();
  #nextToken: bigint;

  constructor(epoch: number) {
    this.#nextToken = BigInt(epoch) << COUNTER_BITS;
  }

  grant(dest: string, place: Place, endsAt: number): ActiveLease {
    const lease: ActiveLease = { token: this.#nextToken++, dest, place, endsAt };
    this.#byId.set(place.id, lease);
    const ids = this.#byDest.get(dest);
    if (ids === undefined) this.#byDest.set(dest, new Set([place.id]));
    else ids.add(place.id);
    return lease;
  }

  get(id: string): ActiveLease | undefined {
    return this.#byId.get(id);
  }

  /** The lease `held` speaks of, unless the token is stale or a step on it is being written. */
  find(held: Held): ActiveLease | undefined {
    const lease = this.#byId.get(held.id);
    return lease?.token === held.token && lease.endsAt !== Infinity ? lease : undefined;
  }

  end(id: string): void {
    const lease = this.#byId.get(id);
    if (lease === undefined) return;
    this.#byId.delete(id);
    const ids = this.#byDest.get(lease.dest);
    ids?.delete(id);
    if (ids?.size === 0) this.#byDest.delete(lease.dest);
  }

  /** Leases of `dest` that are over at `mono`. */
  expired(dest: string, mono: number): ActiveLease[] {
    const found: ActiveLease[] = [];
    for (const id of this.#byDest.get(dest) ?? []) {
      const lease = this.#byId.get(id);
      if (lease !== undefined && lease.endsAt <= mono) found.push(lease);
    }
    return found;
  }

  /** When the first lease of `dest` ends, by the monotonic clock. */
  firstEnd(dest: string): number {
    let first = Infinity;
    for (const id of this.#byDest.get(dest) ?? [])
      first = Math.min(first, this.#byId.get(id)?.endsAt ?? Infinity);
    return first;
  }
}
