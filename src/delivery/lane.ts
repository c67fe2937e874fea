/**
 * The waiting mail of one hosted domain on its way out: claims what is due and starts as many
 * deliveries as the destination's pace allows. After an outage everything that waits is tried,
 * whatever its next time was, but each message once: what was put off in this drain is set aside,
 * still claimed, until the drain is over. New mail and a long queue take turns. Whatever ends the
 * run, leases not used are given back.
 */
import type { Clock } from '../base/clock.ts';
import type { Lease, SpoolStore } from '../store/spool-store.ts';
import type { Attempted, AttemptResult } from './attempt.ts';
import { UNTRIED } from './attempt.ts';
import type { LeaseKeeper, Tenure } from './lease-keeper.ts';
import { LEASE_MS } from './lease-keeper.ts';

export interface LaneDeps {
  readonly dest: string;
  readonly store: Pick<SpoolStore, 'claim' | 'release'>;
  readonly keeper: LeaseKeeper;
  readonly clock: Clock;
  /** Deliveries at once that may be begun; 0 while the destination is down or the gateway stops. */
  readonly mayRun: () => number;
  /** Waits for its turn and delivers; what is left to do then needs no turn. Both reject when the store fails. */
  readonly deliver: (lease: Lease, tenure: Tenure) => Promise<Attempted>;
}

/** Claimed for each delivery under way, so that the next one does not wait for the store. */
const CLAIM_AHEAD = 2;
const MAX_CLAIM = 100;
/** Put off in one drain; beyond this it is no recovery, and the usual times count again. */
const MAX_PUT_OFF = 10_000;

interface Claimed {
  readonly lease: Lease;
  readonly tenure: Tenure;
}

export class Lane {
  readonly #deps: LaneDeps;
  #claimed: Claimed[] = [];
  /** Leases that will not be used: put off once in this drain, or not tried. */
  #aside: Lease[] = [];
  /** Messages put off in this drain; undefined when there is no drain. */
  #putOff: Set<string> | undefined;
  #running = 0;
  /** Delivered, and not yet written down. */
  #ending = 0;
  /** As many of these as may be: the next can begin when one of them is at its end. */
  #isHeldUp = false;
  /** New mail comes first in every other claim: neither waits for all of the other. */
  #freshTurn = false;
  /** A claim may find something. */
  #more = false;
  /** The claim that is under way. */
  #claiming: Promise<void> | undefined;
  /** What it brought is all that waits in this drain. */
  #hasAll = false;
  /** Something has ended or come since the run last looked. */
  #hasChanged = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;
  #run: Promise<void> | undefined;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
  }

  get isIdle(): boolean {
    return this.#run === undefined;
  }

  /** A drain is on, or wanted: begun again when something broke it off. */
  get isDraining(): boolean {
    return this.#putOff !== undefined;
  }

  /** The destination is back: all that waits is due now. */
  recovered(): void {
    this.#putOff = new Set();
    this.#hasAll = false;
  }

  /**
   * There may be work. Resolves when nothing is left to do now; rejects when the store failed, after
   * all deliveries under way have ended. The same promise for all who call while it is on.
   */
  run(): Promise<void> {
    this.#more = true;
    this.#changed();
    this.#run ??= this.#work().finally(() => {
      this.#run = undefined;
    });
    return this.#run;
  }

  async #work(): Promise<void> {
    try {
      for (;;) {
        this.#hasChanged = false;
        const woken = Promise.withResolvers<void>();
        this.#wake = woken.resolve;
        await this.#fill();
        // What came or ended meanwhile may have left something to do that was not to be done before.
        if (this.#hasChanged) continue;
        const isAlone = this.#running + this.#ending === 0;
        if (isAlone && this.#claiming === undefined) break;
        await (isAlone ? this.#claiming : woken.promise);
      }
      if (this.#failure !== undefined) throw this.#failure.error;
      this.#putOff = undefined;
    } finally {
      this.#failure = undefined;
      await this.#giveBack();
    }
  }

  #changed(): void {
    this.#hasChanged = true;
    this.#wake();
  }

  async #fill(): Promise<void> {
    // What is under way may hang for long; what is not begun does not stay claimed meanwhile.
    if (this.#deps.mayRun() === 0) await this.#guarded(this.#giveBack());
    if (this.#putOff === undefined && this.#aside.length > 0) {
      await this.#guarded(this.#release(this.#aside.splice(0)));
      this.#more = true;
    }
    while (this.#failure === undefined && this.#mayStart()) {
      const next = await this.#next();
      if (next === undefined) return;
      void this.#start(next);
    }
  }

  /** The next message; undefined when there is none now. */
  async #next(): Promise<Claimed | undefined> {
    while (this.#claimed.length === 0 && this.#mayClaim) await this.#claimMore();
    const next = this.#claimed.shift();
    if (next === undefined) {
      if (this.#hasAll) await this.#endDrain();
      return undefined;
    }
    // The store is asked before they run out, or the destination would wait for its answer.
    if (this.#mayClaim && this.#claimed.length * 2 < this.#deps.mayRun()) void this.#claimMore();
    return next;
  }

  get #mayClaim(): boolean {
    return this.#failure === undefined && (this.#more || this.#claiming !== undefined);
  }

  /** One claim at a time; never rejects. */
  #claimMore(): Promise<void> {
    this.#claiming ??= this.#claim().finally(() => {
      this.#claiming = undefined;
    });
    return this.#claiming;
  }

  async #claim(): Promise<void> {
    const { dest, store, keeper, clock, mayRun } = this.#deps;
    this.#more = false;
    this.#hasAll = false;
    const n = Math.min(Math.max(mayRun() * CLAIM_AHEAD, 1), MAX_CLAIM);
    const early = this.#putOff !== undefined;
    this.#freshTurn = !this.#freshTurn;
    const claimedAt = clock.mono();
    const leases = await this.#guarded(
      store.claim({ dest, n, leaseMs: LEASE_MS, early, fresh: this.#freshTurn }),
    );
    for (const lease of leases) {
      const tenure = keeper.keep(lease, claimedAt);
      if (this.#putOff?.has(lease.id) === true) this.#aside.push(lease);
      else this.#claimed.push({ lease, tenure });
    }
    if (this.#failure !== undefined) return;
    if (leases.length === n) this.#more = true;
    else this.#hasAll = early && !this.#more;
  }

  /** All that waited has had its turn; from now on the usual times count. */
  async #endDrain(): Promise<void> {
    this.#hasAll = false;
    this.#putOff = undefined;
    await this.#guarded(this.#release(this.#aside.splice(0)));
  }

  /** A store that fails ends the run, but not the deliveries under way. */
  async #guarded<T>(work: Promise<T[]>): Promise<T[]> {
    try {
      return await work;
    } catch (error) {
      this.#failure ??= { error };
      return [];
    }
  }

  /** Not far ahead of the disk: what is delivered and not written down is sent twice after a crash. */
  #mayStart(): boolean {
    const most = this.#deps.mayRun();
    this.#isHeldUp = this.#ending >= most;
    return this.#running < most && !this.#isHeldUp;
  }

  /** Never rejects. While one delivery is written down the destination has the next. */
  async #start({ lease, tenure }: Claimed): Promise<void> {
    const failed = (error: unknown): Attempted => {
      this.#failure ??= { error };
      return UNTRIED;
    };
    this.#running += 1;
    const { conclude } = await this.#deps.deliver(lease, tenure).catch(failed);
    this.#running -= 1;
    this.#ending += 1;
    this.#changed();
    const result = await conclude().catch((error: unknown) => failed(error).result);
    this.#ending -= 1;
    this.#ended(lease, result);
  }

  #ended(lease: Lease, result: AttemptResult): void {
    if (result === 'untried') this.#aside.push(lease);
    else this.#deps.keeper.drop(lease);
    // Whatever may still wait has had its turn, or an early claim would find it again at once.
    if (result === 'put-off' || result === 'other') this.#putOff?.add(lease.id);
    if ((this.#putOff?.size ?? 0) > MAX_PUT_OFF) this.#putOff = undefined;
    // Else whoever ends next at the destination says so.
    if (this.#running === 0 || this.#isHeldUp) this.#changed();
  }

  async #giveBack(): Promise<boolean[]> {
    await this.#claiming;
    const unused = this.#claimed.splice(0).map(({ lease }) => lease);
    return this.#release([...unused, ...this.#aside.splice(0)]);
  }

  async #release(leases: readonly Lease[]): Promise<boolean[]> {
    if (leases.length === 0) return [];
    for (const lease of leases) this.#deps.keeper.drop(lease);
    return this.#deps.store.release(leases.map(({ id, token }) => ({ id, token })));
  }
}
