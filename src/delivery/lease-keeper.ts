/**
 * The leases this process holds, renewed in bulk at a third of their time. A lease that was not
 * renewed in time aborts its attempt while it still has some seconds to run, so that nobody delivers
 * what may be somebody else's by now; a store that is silent or refuses to renew changes nothing
 * about that.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import { MovingDeadline } from '../base/moving-deadline.ts';
import type { Held, Lease, SpoolStore } from '../store/spool-store.ts';

/** Long enough that a stall of the process does not lose it, short enough for a takeover. */
export const LEASE_MS = 120_000;
/** An attempt must have ended so long before its lease does. */
const GUARD_MS = 8000;
const RENEW_MS = LEASE_MS / 3;

interface Kept {
  readonly held: Held;
  readonly abort: AbortController;
  /** By the monotonic clock: from here on the message may be somebody else's. */
  endsAt: number;
}

/** What an attempt knows of the lease it works under. */
export interface Tenure {
  /** Aborts when the lease ran out or was lost, or the gateway goes down. */
  readonly signal: AbortSignal;
  /**
   * To be asked right before the final dot: after a stall of the process timers fire late, and the
   * signal with them. Aborts it when the answer is no.
   */
  readonly mayFinish: () => boolean;
}

export class LeaseKeeper {
  readonly #store: Pick<SpoolStore, 'renew'>;
  readonly #clock: Clock;
  /** By token, which is never used twice, while an id comes again with each claim. */
  readonly #kept = new Map<bigint, Kept>();
  /** The first end of them, or one before it: whoever is left then sets the next. */
  readonly #overdue: MovingDeadline;
  #firstEndsAt = Infinity;
  #renewal: Timer | undefined;

  constructor(store: Pick<SpoolStore, 'renew'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#overdue = new MovingDeadline(clock, () => this.#expire());
  }

  /** `claimedAt`: when the claim was sent (monotonic), which is before the store's count began. */
  keep({ id, token }: Lease, claimedAt: number): Tenure {
    const abort = new AbortController();
    const endsAt = endOf(claimedAt);
    const kept = { held: { id, token }, abort, endsAt };
    this.#kept.set(token, kept);
    this.#endsAt(endsAt);
    this.#renewLater();
    const mayFinish = () => {
      if (this.#clock.mono() >= kept.endsAt) abort.abort(ranOut());
      return !abort.signal.aborted;
    };
    return { signal: abort.signal, mayFinish };
  }

  drop({ token }: Held): void {
    this.#kept.delete(token);
    if (this.#kept.size > 0) return;
    this.#renewal?.stop();
    this.#renewal = undefined;
    this.#overdue.stop();
    this.#firstEndsAt = Infinity;
  }

  abortAll(): void {
    for (const { abort } of this.#kept.values()) {
      abort.abort(new CodedError('STOPPING', 'the gateway is going down'));
    }
  }

  /** One deadline for all: a timer for each lease would be set and stopped with each message. */
  #endsAt(endsAt: number): void {
    if (endsAt >= this.#firstEndsAt) return;
    this.#firstEndsAt = endsAt;
    this.#overdue.set(Math.max(endsAt - this.#clock.mono(), 0));
  }

  #expire(): void {
    const now = this.#clock.mono();
    this.#firstEndsAt = Infinity;
    for (const { abort, endsAt } of this.#kept.values()) {
      if (endsAt <= now) abort.abort(ranOut());
      else this.#endsAt(endsAt);
    }
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
      if (renewed[index] === true) kept.endsAt = endOf(askedAt);
      else kept.abort.abort(new CodedError('DEADLINE', 'the lease was lost'));
    });
  }
}

/** `askedAt`: when the store was asked, which is before its count began. */
function endOf(askedAt: number): number {
  return askedAt + LEASE_MS - GUARD_MS;
}

function ranOut(): CodedError {
  return new CodedError('DEADLINE', 'the lease ran out');
}
