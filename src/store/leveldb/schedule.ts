/**
 * What the spool keeps in memory: which messages wait (through the due index), who works on which
 * (leases, and locks of operators' steps). It follows the disk: `arrived` and `left`
 * are called when the batch that says so has been written. Every waiting message is in exactly one
 * of three places: free in the index, leased, or locked.
 */
import type { Clock } from '../../base/clock.ts';
import type { ClaimOptions, DestinationBacklog, Held } from '../spool-store.ts';
import type { DueIndex } from './due-index.ts';
import { Leases } from './leases.ts';
import type { ActiveLease } from './leases.ts';
import type { StoredContent } from './record-codec.ts';

/** Where a message is: waiting at a place of its destination, or held. */
export interface Standing {
  readonly id: string;
  readonly dest: string;
  /** Undefined while held. */
  readonly dueAt: number | undefined;
  readonly bytes: number;
  /** Held by a filter. */
  readonly isQuarantined?: boolean;
}

export class Schedule {
  readonly #clock: Clock;
  readonly #due: DueIndex;
  readonly #leases: Leases;
  readonly #locked = new Set<string>();

  constructor(clock: Clock, due: DueIndex, epoch: number) {
    this.#clock = clock;
    this.#due = due;
    this.#leases = new Leases(epoch);
  }

  arrived({ id, dest, dueAt }: Standing): void {
    if (dueAt !== undefined) this.#due.arrive(dest, { dueAt, id });
  }

  /** A new message; one that is due at once is fresh. */
  committed(standing: Standing): void {
    this.arrived(standing);
    const { id, dest, dueAt } = standing;
    if (dueAt !== undefined && dueAt <= this.#clock.now()) this.#due.fresh(dest, { dueAt, id });
  }

  left({ id, dest, dueAt }: Standing): void {
    if (dueAt !== undefined) this.#due.leave(dest, { dueAt, id });
  }

  /** Leases up to `n` messages; `load` runs the loading of more places while no batch is written. */
  async claim(
    options: ClaimOptions,
    load: (work: () => Promise<void>) => Promise<void>,
  ): Promise<ActiveLease[]> {
    const { dest, n } = options;
    const mono = this.#clock.mono();
    const dueBy = options.early === true ? Infinity : this.#clock.now();
    for (const lease of this.#leases.expired(dest, mono)) this.giveBack(lease);
    const granted: ActiveLease[] = [];
    while (granted.length < n) {
      const newest = options.fresh === true ? this.#due.takeFresh(dest, dueBy) : undefined;
      const place = newest ?? this.#due.take(dest, dueBy);
      if (place !== undefined) {
        // A place that is not free comes back when whoever has it is done.
        if (this.#isFree(place.id))
          granted.push(this.#leases.grant(dest, place, mono + options.leaseMs));
      } else if (this.#due.wantsLoad(dest, dueBy)) {
        await load(() => this.#due.load(dest, dueBy)).catch((error: unknown) => {
          for (const lease of granted) this.giveBack(lease);
          throw error;
        });
      } else break;
    }
    return granted;
  }

  /** The lease `held` speaks of; undefined when its token is stale or a step on it is under way. */
  find(held: Held): ActiveLease | undefined {
    return this.#leases.find(held);
  }

  /** What is known of a leased message's content. */
  contentOf(id: string): StoredContent | undefined {
    return this.#leases.get(id)?.content;
  }

  /** The message is being worked on and may not be touched by others. */
  isActive(id: string): boolean {
    const lease = this.#leases.get(id);
    return lease !== undefined && lease.endsAt > this.#clock.mono();
  }

  renew(held: Held, leaseMs: number): boolean {
    const lease = this.#leases.find(held);
    if (lease === undefined) return false;
    lease.endsAt = this.#clock.mono() + leaseMs;
    return true;
  }

  /** A step that ends the lease is being written: from now on the lease neither ends nor counts. */
  settle(lease: ActiveLease): void {
    lease.endsAt = Infinity;
  }

  end(lease: ActiveLease): void {
    this.#leases.end(lease.place.id);
  }

  giveBack(lease: ActiveLease): void {
    this.#leases.end(lease.place.id);
    this.#due.giveBack(lease.dest, lease.place);
  }

  /** Takes a message for an operator's step, unless somebody has it. */
  lock(id: string): boolean {
    if (this.#locked.has(id) || this.isActive(id)) return false;
    const lease = this.#leases.get(id);
    if (lease !== undefined) this.giveBack(lease);
    this.#locked.add(id);
    return true;
  }

  unlock(id: string): void {
    this.#locked.delete(id);
  }

  backlog(): DestinationBacklog[] {
    const offset = this.#clock.now() - this.#clock.mono();
    const found: DestinationBacklog[] = [];
    for (const [dest, window] of this.#due.destinations()) {
      const leaseEnd = this.#leases.firstEnd(dest) + offset;
      const nextDueAt = Math.min(window.nextDueAt(), leaseEnd);
      found.push({ dest, messages: window.messages, nextDueAt });
    }
    return found;
  }

  #isFree(id: string): boolean {
    return this.#leases.get(id) === undefined && !this.#locked.has(id);
  }
}
