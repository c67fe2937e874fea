/**
 * The scheduler: sees to it that whatever is in the spool is tried when its time comes, and at once
 * when a destination is back. One timer for the next due time, one lane per domain with mail, one
 * pace per destination, one probe per destination that is down; while it is down its messages are
 * left alone and no attempt of theirs is used up. Exceptions of the loop end here: a store that
 * failed is told to the gateway and nothing more is begun, anything else rests a moment and goes on.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { CodedError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Destination } from '../directory/domain.ts';
import type { Address } from '../mail/address.ts';
import type { Lease, SpoolStore } from '../store/spool-store.ts';
import type { AttemptDeps, Attempted, AttemptResult } from './attempt.ts';
import { attempt, postpone } from './attempt.ts';
import type { Courier } from './courier.ts';
import type { HealthBook } from './destination-health.ts';
import { Lane } from './lane.ts';
import type { Location } from './placing.ts';
import type { Tenure } from './lease-keeper.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { Overdue } from './overdue.ts';
import { Probes } from './probes.ts';
import type { RateLimits } from './rate-limits.ts';
import type { DrawnReports } from './reports.ts';
import { SetBack } from './set-back.ts';
import { Turns } from './turns.ts';

export interface SchedulerPolicy {
  /** Waits before the second, third, ... attempt; the last one repeats. */
  readonly retryMs: readonly number[];
  readonly lifetimeMs: number;
  /** A proven sender hears of a delay after so long; null for never. */
  readonly delayWarningMs: number | null;
}

export interface SchedulerOptions extends Pick<AttemptDeps, 'learn' | 'happened' | 'spread'> {
  readonly store: SpoolStore;
  readonly courier: Pick<Courier, 'deliver' | 'probe'>;
  readonly health: Pick<HealthBook, 'isDown'>;
  readonly clock: Clock;
  readonly log: Log;
  /** The destination of a lane as configured now; undefined when it leads nowhere any more. */
  readonly route: (lane: string) => Destination | undefined;
  /** The hosted domain, by its own name, that mail for `domain` goes to. */
  readonly hosted?: (domain: string) => string | undefined;
  /** Asks the servers of a split domain which of them knows a recipient. */
  readonly locate?: (domain: string, address: Address, of: string) => Promise<Location>;
  /** All destinations as configured now: one that is down is probed even when no mail waits. */
  readonly destinations?: () => readonly Destination[];
  /** For the mail of a domain. Read anew at each use, for a reload changes it. */
  readonly policy: (dest: string) => SchedulerPolicy;
  /** How often a destination that is down is asked. */
  readonly probeMs: (key: string) => number;
  /** Without it there is no bound to the rate of messages. */
  readonly rates?: RateLimits;
  /** Without it nobody is told and everything undeliverable is held. */
  readonly reports?: DrawnReports;
  /** An operator holds the mail of this lane, or its destination is left alone for a while. */
  readonly isHeld?: (domain: string) => boolean;
  readonly onStoreFailure: () => void;
}

/** Nobody says when a pause is over. */
const LOOK_MS = 1000;
/** Lanes that end together are looked after together. */
const SOON_MS = 20;
/** After a surprise, so that it cannot spin. */
const REST_MS = 1000;
const STOP_GRACE_MS = 30_000;
/** Timers hold 31 bits; a look too early does no harm. */
const MAX_TIMER_MS = 2 ** 30;

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #keeper: LeaseKeeper;
  readonly #probes: Probes;
  readonly #overdue: Overdue;
  readonly #turns: Turns;
  readonly #setBack: SetBack;
  readonly #lanes = new Map<string, Lane>();
  readonly #work = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  #timer: Timer | undefined;
  /** When it fires, by the monotonic clock. */
  #lookAt = Infinity;
  /** Nothing is begun before, by the monotonic clock; infinite once the store has failed. */
  #restUntil = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#keeper = new LeaseKeeper(options.store, options.clock);
    this.#setBack = new SetBack(options.clock);
    this.#turns = new Turns({
      clock: options.clock,
      route: options.route,
      rates: options.rates,
      isBarred: (dest) => this.#isBarred(dest),
      stopped: this.#stopped.signal,
    });
    const isClosed = (lane: string) => this.#isHeld(lane) || this.#downNow(lane) !== undefined;
    this.#overdue = new Overdue({ ...options, isClosed }, this.#stopped.signal, (work) =>
      this.#supervise(work),
    );
    this.#probes = new Probes({
      ...options,
      destinations: () => options.destinations?.() ?? [],
      awaited: () => options.store.backlog().map(({ dest }) => options.route(dest)),
      everyMs: (key) => options.probeMs(key),
      signal: this.#stopped.signal,
      supervise: (work) => this.#supervise(work),
    });
  }

  get activeDeliveries(): number {
    return this.#turns.active;
  }

  /** Deliveries from the spool to a destination, now and at most; undefined when there are none. */
  paceOf(key: string): { readonly running: number; readonly limit: number } | undefined {
    return this.#turns.paceOf(key);
  }

  start(): void {
    this.#overdue.start();
    // Those that were down when the gateway stopped may be back for long: ask at once.
    this.#probes.nowAll();
    this.#look();
  }

  /** There may be something to do: new mail for a domain, or anything, as after a reload. */
  wake(dest?: string): void {
    if (dest === undefined) return this.#look();
    const destination = this.#downNow(dest);
    if (destination === undefined) this.#run(dest);
    else this.#probes.watch(destination);
  }

  /** Somebody wants it now: a destination that is down is asked at once. */
  retryNow(dest: string): void {
    const destination = this.#downNow(dest);
    if (destination === undefined) this.#run(dest);
    else if (!this.#isStopped) this.#probes.now(destination);
  }

  /** A destination was out of reach: a probe is to say whether it is down. */
  doubted(key: string): void {
    this.#probes.doubted(key);
  }

  /** A destination answers again: all that waits for it is tried now. */
  recovered(key: string): void {
    this.#probes.forget(key);
    if (this.#isStopped) return;
    this.#turns.restart(key);
    for (const { dest } of this.#options.store.backlog()) {
      if (this.#options.route(dest)?.key !== key) continue;
      this.#lane(dest).recovered();
      this.#run(dest);
    }
  }

  /** Nothing keeps the mail of a domain back any more: all that waits for it is tried now. */
  resumed(dest: string): void {
    if (this.#isBarred(dest)) return;
    const destination = this.#options.route(dest);
    if (destination !== undefined) this.#turns.restart(destination.key);
    this.#lane(dest).recovered();
    this.#run(dest);
  }

  /** The customer asks for its mail: as `resumed`, but what drains already is not begun anew. */
  drain(dest: string): 'started' | 'asked' | 'held' {
    if (this.#isStopped || this.#isHeld(dest)) return 'held';
    if (this.#lanes.get(dest)?.isDraining !== true) this.resumed(dest);
    this.retryNow(dest);
    return this.#downNow(dest) === undefined ? 'started' : 'asked';
  }

  /** A new configuration is in force: mail whose destination is another one is tried there now. */
  rerouted(before: (lane: string) => Destination | undefined): void {
    for (const { dest } of this.#options.store.backlog()) {
      if (this.#options.route(dest)?.key !== before(dest)?.key) this.resumed(dest);
    }
    // Other settings may be what a destination that is down needed.
    this.#probes.nowAll();
    this.#look();
  }

  /** When a destination that is down is asked next. */
  nextProbeAt(key: string): number | undefined {
    return this.#probes.nextAt(key);
  }

  /** Lets deliveries end, cuts those that take too long, gives back what was claimed. */
  async stop(): Promise<void> {
    this.#stopped.abort(new CodedError('STOPPING', 'the gateway is going down'));
    this.#timer?.stop();
    this.#overdue.stop();
    this.#probes.stop();
    const cut = this.#options.clock.timer(STOP_GRACE_MS, () => this.#keeper.abortAll());
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
    cut.stop();
  }

  get #isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  /** Starts what is due and sees to it that somebody looks again when the next thing is. */
  #look(): void {
    if (this.#isStopped) return;
    const { store, clock } = this.#options;
    const now = clock.now();
    this.#lookAt = Infinity;
    const restMs = this.#restUntil - clock.mono();
    if (restMs > 0) return this.#lookIn(restMs);
    if (this.#setBack.hasHappened()) for (const { dest } of store.backlog()) this.resumed(dest);
    let next = now + LOOK_MS;
    for (const { dest, nextDueAt } of store.backlog()) {
      const down = this.#downNow(dest);
      if (down !== undefined) this.#probes.watch(down);
      else if (this.#isHeld(dest)) continue;
      else if (nextDueAt <= now || this.#lanes.get(dest)?.isDraining === true) this.#run(dest);
      else next = Math.min(next, nextDueAt);
    }
    this.#probes.watchAll();
    this.#lookIn(next - now);
  }

  /** A look that is planned for earlier stays: it plans anew. */
  #lookIn(ms: number): void {
    const at = this.#options.clock.mono() + ms;
    if (this.#isStopped || at >= this.#lookAt) return;
    this.#timer?.stop();
    this.#lookAt = at;
    this.#timer = this.#options.clock.timer(Math.min(ms, MAX_TIMER_MS), () => this.#look());
  }

  /** The destination of a domain, when it is down. */
  #downNow(dest: string): Destination | undefined {
    const destination = this.#options.route(dest);
    if (destination === undefined) return undefined;
    return this.#options.health.isDown(destination.key) ? destination : undefined;
  }

  #run(dest: string): void {
    if (this.#isStopped || this.#options.clock.mono() < this.#restUntil) return;
    const lane = this.#lane(dest);
    const isNew = lane.isIdle;
    const done = lane.run();
    // A run that is on already is under supervision; it sees the new work too.
    if (isNew) this.#supervise(done.finally(() => this.#laneEnded(dest, lane)));
  }

  #laneEnded(dest: string, lane: Lane): void {
    if (lane.isIdle && !lane.isDraining) this.#lanes.delete(dest);
    this.#turns.forgetIdle();
    this.#lookIn(SOON_MS);
  }

  #lane(dest: string): Lane {
    const known = this.#lanes.get(dest);
    if (known !== undefined) return known;
    const { store, clock } = this.#options;
    const lane = new Lane({
      ...{ dest, store, clock, keeper: this.#keeper },
      mayRun: () => this.#turns.limit(dest),
      deliver: (lease, tenure) =>
        this.#turns.run(dest, lease.entry.sizeBytes, tenure.signal, () =>
          this.#attempt(lease, tenure),
        ),
    });
    this.#lanes.set(dest, lane);
    return lane;
  }

  #isBarred(dest: string): boolean {
    return this.#isStopped || this.#isHeld(dest) || this.#downNow(dest) !== undefined;
  }

  #isHeld(dest: string): boolean {
    return this.#options.isHeld?.(dest) === true;
  }

  #attempt(lease: Lease, tenure: Tenure): Promise<Attempted> {
    const tripped = (error: unknown) => this.#tripped(error, lease);
    return attempt(this.#options, lease, tenure).then(
      ({ result, conclude }) => ({ result, conclude: () => conclude().catch(tripped) }),
      (error: unknown) => ({ result: 'other', conclude: () => tripped(error) }),
    );
  }

  /** A message that trips us up must not stop the others, nor itself be lost: it is put off. */
  #tripped(error: unknown, lease: Lease): Promise<AttemptResult> {
    // The store's own trouble is no fault of this message.
    if (error instanceof CodedError) return Promise.reject(error);
    this.#logCrash(error, lease.id);
    return postpone(this.#options, lease);
  }

  #supervise(work: Promise<void>): void {
    const watched: Promise<void> = work
      .catch((error: unknown) => this.#surprise(error))
      .finally(() => this.#work.delete(watched));
    this.#work.add(watched);
  }

  #surprise(error: unknown): void {
    const { log, clock, onStoreFailure } = this.#options;
    const code = error instanceof CodedError ? error.code : undefined;
    if (code === 'STORE_FAILED') {
      if (this.#restUntil === Infinity) return;
      this.#restUntil = Infinity;
      log.emit('store.error', { err: errorText(error) });
      onStoreFailure();
      return;
    }
    if (code !== 'STORE_SILENT') this.#logCrash(error); // the store says so itself
    this.#restUntil = Math.max(this.#restUntil, clock.mono() + REST_MS);
    this.#lookIn(REST_MS);
  }

  #logCrash(error: unknown, id?: string): void {
    const stack = error instanceof Error ? error.stack : undefined;
    const fields = { where: 'scheduler', id, err: errorText(error), stack };
    this.#options.log.emit('crash', fields, 'error');
  }
}
