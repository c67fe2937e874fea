/**
 * The leases this process holds, renewed in bulk at a third of their time. A lease that could not be
 * renewed in time aborts its attempt, so that nobody delivers what may be somebody else's by now.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import type { Held, Lease, SpoolStore } from '../store/spool-store.ts';

/** Long enough that a stall of the process does not lose it, short enough for a takeover. */
export const LEASE_MS = 120_000;
/** An attempt must have ended so long before its lease does. */
const GUARD_MS = 8000;

interface Kept {
  readonly held: Held;
  readonly abort: AbortController;
  /** On the clock that never runs backwards. */
  endsAt: number;
}

export class LeaseKeeper {
  readonly #store: Pick<SpoolStore, 'renew'>;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  #timer: Timer | undefined;

  constructor(store: Pick<SpoolStore, 'renew'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** `claimedAt`: when the claim was sent, which is before the store's own count began. */
  keep(lease: Lease, claimedAt: number): AbortSignal {
    const abort = new AbortController();
    const held = { id: lease.id, token: lease.token };
    this.#kept.set(lease.id, { held, abort, endsAt: claimedAt + LEASE_MS - GUARD_MS });
    this.#timer ??= this.#clock.timer(LEASE_MS / 3, () => {
      this.#timer = undefined;
      this.#renew().catch(() => this.#abortOverdue());
    });
    return abort.signal;
  }

  drop(id: string): void {
    this.#kept.delete(id);
    if (this.#kept.size > 0) return;
    this.#timer?.stop();
    this.#timer = undefined;
  }

  abortAll(): void {
    for (const { abort } of this.#kept.values()) {
      abort.abort(new CodedError('STOPPING', 'the gateway is going down'));
    }
  }

  async #renew(): Promise<void> {
    const kept = [...this.#kept.values()];
    if (kept.length === 0) return;
    this.#timer ??= this.#clock.timer(LEASE_MS / 3, () => {
      this.#timer = undefined;
      this.#renew().catch(() => this.#abortOverdue());
    });
    const askedAt = this.#clock.mono();
    const renewed = await this.#store.renew(
      kept.map(({ held }) => held),
      LEASE_MS,
    );
    kept.forEach((one, index) => {
      if (renewed[index] === true) one.endsAt = askedAt + LEASE_MS - GUARD_MS;
      else one.abort.abort(new CodedError('DEADLINE', 'the lease was lost'));
    });
  }

  /** The store did not answer: whatever is past its time must not go on. */
  #abortOverdue(): void {
    const now = this.#clock.mono();
    for (const { abort, endsAt } of this.#kept.values()) {
      if (now >= endsAt) abort.abort(new CodedError('DEADLINE', 'the lease ran out'));
    }
  }
}
