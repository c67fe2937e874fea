/**
 * The leases this process holds, renewed in bulk at a third of their time. A lease that was not
 * renewed in time aborts its attempt while it still has some seconds to run, so that nobody delivers
 * what may be somebody else's by now; a store that is silent or refuses to renew changes nothing
 * about that.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import type { Held, Lease, SpoolStore } from '../store/spool-store.ts';

/** Long enough that a stall of the process does not lose it, short enough for a takeover. */
export const LEASE_MS = 120_000;
/** An attempt must have ended so long before its lease does. */
const GUARD_MS = 8000;
const RENEW_MS = LEASE_MS / 3;

interface Kept {
  readonly held: Held;
  readonly abort: AbortController;
  overdue: Timer;
}

export class LeaseKeeper {
  readonly #store: Pick<SpoolStore, 'renew'>;
  readonly #clock: Clock;
  /** By token, which is never used twice, while an id comes again with each claim. */
  readonly #kept = new Map<bigint, Kept>();
  #renewal: Timer | undefined;

  constructor(store: Pick<SpoolStore, 'renew'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** `claimedAt`: when the claim was sent (monotonic), which is before the store's count began. */
  keep({ id, token }: Lease, claimedAt: number): AbortSignal {
    const abort = new AbortController();
    const kept = { held: { id, token }, abort, overdue: this.#overdue(abort, claimedAt) };
    this.#kept.set(token, kept);
    this.#renewLater();
    return abort.signal;
  }

  drop({ token }: Held): void {
    this.#kept.get(token)?.overdue.stop();
    this.#kept.delete(token);
    if (this.#kept.size > 0) return;
    this.#renewal?.stop();
    this.#renewal = undefined;
  }

  abortAll(): void {
    for (const { abort } of this.#kept.values()) {
      abort.abort(new CodedError('STOPPING', 'the gateway is going down'));
    }
  }

  #overdue(abort: AbortController, askedAt: number): Timer {
    const leftMs = askedAt + LEASE_MS - GUARD_MS - this.#clock.mono();
    return this.#clock.timer(Math.max(leftMs, 0), () => {
      abort.abort(new CodedError('DEADLINE', 'the lease ran out'));
    });
  }

  #renewLater(): void {
    this.#renewal ??= this.#clock.timer(RENEW_MS, () => {
      this.#renewal = undefined;
      this.#renewLater();
      // A store that cannot renew leaves the leases to their end, which aborts the attempts.
      this.#renew().catch(() => undefined);
    });
  }

  async #renew(): Promise<void> {
    const asked = [...this.#kept.values()];
    const askedAt = this.#clock.mono();
    const renewed = await this.#store.renew(
      asked.map(({ held }) => held),
      LEASE_MS,
    );
    asked.forEach((kept, index) => {
      if (this.#kept.get(kept.held.token) !== kept) return;
      kept.overdue.stop();
      if (renewed[index] === true) kept.overdue = this.#overdue(kept.abort, askedAt);
      else kept.abort.abort(new CodedError('DEADLINE', 'the lease was lost'));
    });
  }
}
