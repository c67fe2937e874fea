/**
 * The waiting mail of one hosted domain on its way out: claims what is due, works it off side by
 * side, and finds the pace the destination likes. It begins with few deliveries at once, doubles
 * while they go well and halves when the destination puts us off. After an outage everything that
 * waits is tried, whatever its next time was, but each message once.
 */
import type { Clock } from '../base/clock.ts';
import type { Lease, SpoolStore } from '../store/spool-store.ts';
import type { AttemptResult } from './attempt.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { LEASE_MS } from './lease-keeper.ts';

export interface LaneDeps {
  readonly dest: string;
  readonly store: Pick<SpoolStore, 'claim' | 'release'>;
  readonly keeper: LeaseKeeper;
  readonly clock: Clock;
  /** Deliveries at once that the destination allows; 0 while it is down or the gateway stops. */
  readonly mayRun: () => number;
  readonly attempt: (lease: Lease, signal: AbortSignal) => Promise<AttemptResult>;
  /** Waits for one of the places that all lanes share. */
  readonly place: <T>(work: () => Promise<T>) => Promise<T>;
}

const FIRST_PACE = 2;
/** Claimed ahead of the deliveries, so that they do not wait for the store. */
const CLAIM_AHEAD = 50;
/** Put off in one drain; beyond this it is no recovery, and the usual times count again. */
const MAX_PUT_OFF = 10_000;

export class Lane {
  readonly #deps: LaneDeps;
  readonly #claimed: { readonly lease: Lease; readonly signal: AbortSignal }[] = [];
  readonly #running = new Set<Promise<void>>();
  /** While the backlog of an outage is worked off: what it has put off once already. */
  #putOff: Set<string> | undefined;
  /** Leases of messages whose turn in this drain is over. */
  #aside: Lease[] = [];
  #pace = FIRST_PACE;
  #loop: Promise<void> | undefined;
  #wanted = false;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
  }

  get isIdle(): boolean {
    return this.#loop === undefined;
  }

  /** The destination is back: all that waits is due now. */
  recovered(): void {
    this.#putOff = new Set();
    this.#pace = FIRST_PACE;
  }

  /** Works off what is due; resolves when nothing is left to do now. Rejects when the store fails. */
  run(): Promise<void> {
    this.#wanted = true;
    this.#loop ??= this.#work().finally(() => {
      this.#loop = undefined;
    });
    return this.#loop;
  }

  async #work(): Promise<void> {
    const failure = Promise.withResolvers<never>();
    failure.promise.catch(() => undefined);
    try {
      while (this.#wanted) {
        this.#wanted = false;
        while (await this.#step(failure)) {
          // one delivery more under way, or one less
        }
      }
      await Promise.race([Promise.all(this.#running), failure.promise]);
    } finally {
      await Promise.allSettled(this.#running);
      await this.#giveBack();
    }
  }

  /** Starts one delivery, or waits for one to end; false when there is nothing to do. */
  async #step(failure: PromiseWithResolvers<never>): Promise<boolean> {
    const allowed = Math.min(this.#pace, this.#deps.mayRun());
    if (allowed > 0 && this.#running.size < allowed) {
      if (this.#claimed.length === 0) await this.#claim();
      const next = this.#claimed.shift();
      if (next !== undefined) {
        this.#start(next, failure);
        return true;
      }
    }
    if (this.#running.size === 0) return false;
    await Promise.race([...this.#running, failure.promise]);
    return true;
  }

  async #claim(): Promise<void> {
    const { dest, store, keeper, clock } = this.#deps;
    const claimedAt = clock.mono();
    const early = this.#putOff !== undefined;
    const leases = await store.claim({ dest, n: CLAIM_AHEAD, leaseMs: LEASE_MS, early });
    for (const lease of leases) {
      const signal = keeper.keep(lease, claimedAt);
      if (this.#putOff?.has(lease.id) === true) this.#aside.push(lease);
      else this.#claimed.push({ lease, signal });
    }
    if (this.#claimed.length > 0) return;
    if (leases.length > 0) return this.#claim();
    this.#putOff = undefined;
  }

  #start(
    { lease, signal }: { readonly lease: Lease; readonly signal: AbortSignal },
    failure: PromiseWithResolvers<never>,
  ): void {
    const { keeper, attempt, place } = this.#deps;
    const running: Promise<void> = place(() => attempt(lease, signal))
      .then(
        (result) => this.#learn(lease.id, result),
        (error: unknown) => {
          this.#aside.push(lease);
          failure.reject(error);
        },
      )
      .finally(() => {
        keeper.drop(lease.id);
        this.#running.delete(running);
      });
    this.#running.add(running);
  }

  #learn(id: string, result: AttemptResult): void {
    if (result === 'delivered') {
      // Each delivery of a round that went well makes room for one more: the pace doubles.
      this.#pace = Math.min(this.#pace + 1, Math.max(FIRST_PACE, this.#deps.mayRun()));
    } else if (result === 'put-off') {
      this.#pace = Math.max(1, Math.floor(this.#pace / 2));
      this.#putOff?.add(id);
      if ((this.#putOff?.size ?? 0) > MAX_PUT_OFF) this.#putOff = undefined;
    }
  }

  async #giveBack(): Promise<void> {
    const { store, keeper } = this.#deps;
    const leases = [...this.#claimed.splice(0).map(({ lease }) => lease), ...this.#aside.splice(0)];
    if (leases.length === 0) return;
    await store.release(leases.map(({ id, token }) => ({ id, token })));
    for (const { id } of leases) keeper.drop(id);
  }
}
