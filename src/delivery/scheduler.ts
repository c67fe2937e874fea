/**
 * The scheduler: sees to it that whatever is in the spool is tried when its time comes, and at once
 * when a destination is back. One timer for the next due time, one lane per domain with mail, one
 * probe per destination that is down; while it is down its messages are left alone. Exceptions of
 * the loop end here: a store that fails is told to the gateway, anything else is tried again.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { CodedError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Destination } from '../directory/domain.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import { attempt } from './attempt.ts';
import type { Courier } from './courier.ts';
import type { HealthBook } from './destination-health.ts';
import { expireOverdue } from './expiry.ts';
import { Lane } from './lane.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { Places } from './places.ts';

export interface SchedulerPolicy {
  /** Waits before the second, third, ... attempt; the last one repeats. */
  readonly retryMs: readonly number[];
  readonly probeMs: number;
  readonly finalReplyTimeoutMs: number;
}

export interface SchedulerOptions {
  readonly store: SpoolStore;
  readonly courier: Courier;
  readonly health: Pick<HealthBook, 'isDown'>;
  readonly clock: Clock;
  readonly log: Log;
  /** The destination of a domain as configured now; undefined when it is not served any more. */
  readonly route: (domain: string) => Destination | undefined;
  /** Read anew at each use, for a reload changes it. */
  readonly policy: () => SchedulerPolicy;
  readonly onStoreFailure: () => void;
}

/** Deliveries at once, all destinations together. */
const MAX_DELIVERIES = 200;
/** For a domain without a destination: how many of its messages are held side by side. */
const HOLDING = 10;
const EXPIRY_EVERY_MS = 60_000;
/** After a surprise, so that it cannot spin. */
const RECOVER_MS = 1000;
const STOP_GRACE_MS = 30_000;

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #keeper: LeaseKeeper;
  readonly #places = new Places(MAX_DELIVERIES);
  readonly #lanes = new Map<string, Lane>();
  readonly #probes = new Map<string, Timer>();
  readonly #work = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  #timer: Timer | undefined;
  #expiryTimer: Timer | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#keeper = new LeaseKeeper(options.store, options.clock);
  }

  start(): void {
    const { clock } = this.#options;
    this.#expiryTimer = clock.timer(EXPIRY_EVERY_MS, () => {
      this.#supervise(this.#expire());
      this.#expiryTimer?.restart();
    });
    this.wake();
  }

  /** There may be something to do: new mail for a domain, or anything. */
  wake(dest?: string): void {
    if (this.#stopped.signal.aborted) return;
    const { store } = this.#options;
    for (const backlog of store.backlog()) {
      if (dest === undefined || backlog.dest === dest)
        this.#consider(backlog.dest, backlog.nextDueAt);
    }
    this.#setTimer();
  }

  /** A destination answers again: all that waits for it is tried now. */
  recovered(key: string): void {
    this.#probes.get(key)?.stop();
    this.#probes.delete(key);
    const { store, route } = this.#options;
    for (const { dest } of store.backlog()) {
      if (route(dest)?.key !== key) continue;
      this.#lane(dest).recovered();
      this.#run(dest);
    }
  }

  /** Lets deliveries end, cuts those that take too long, gives back what was claimed. */
  async stop(): Promise<void> {
    this.#stopped.abort(new CodedError('STOPPING', 'the gateway is going down'));
    this.#timer?.stop();
    this.#expiryTimer?.stop();
    for (const probe of this.#probes.values()) probe.stop();
    const cut = this.#options.clock.timer(STOP_GRACE_MS, () => this.#keeper.abortAll());
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
    cut.stop();
  }

  #consider(dest: string, nextDueAt: number): void {
    const { route, health, clock } = this.#options;
    const destination = route(dest);
    if (destination !== undefined && health.isDown(destination.key)) this.#probe(destination);
    else if (nextDueAt <= clock.now()) this.#run(dest);
  }

  #run(dest: string): void {
    if (this.#stopped.signal.aborted) return;
    const lane = this.#lane(dest);
    const wasIdle = lane.isIdle;
    const done = lane.run();
    // The run that is on already is under supervision; it sees the new work too.
    if (!wasIdle) return;
    this.#supervise(
      done.finally(() => {
        if (lane.isIdle) this.#lanes.delete(dest);
        this.#setTimer();
      }),
    );
  }

  #lane(dest: string): Lane {
    const known = this.#lanes.get(dest);
    if (known !== undefined) return known;
    const { store, clock, route, health } = this.#options;
    const lane = new Lane({
      dest,
      store,
      clock,
      keeper: this.#keeper,
      place: (work) => this.#places.run(work),
      attempt: (lease, signal) => attempt(this.#options, lease, signal),
      mayRun: () => {
        if (this.#stopped.signal.aborted) return 0;
        const destination = route(dest);
        if (destination === undefined) return HOLDING;
        return health.isDown(destination.key) ? 0 : destination.maxConnections;
      },
    });
    this.#lanes.set(dest, lane);
    return lane;
  }

  /** Asks a destination that is down again and again; its health tells when it is back. */
  #probe(destination: Destination): void {
    const { key } = destination;
    if (this.#probes.has(key) || this.#stopped.signal.aborted) return;
    const { clock, courier, health, policy } = this.#options;
    const timer = clock.timer(policy().probeMs, () => {
      const asked = courier.probe(destination, this.#stopped.signal).then(() => {
        this.#probes.delete(key);
        // While it is down and mail waits, `wake` sets the next probe.
        if (health.isDown(key)) this.wake();
      });
      this.#supervise(asked);
    });
    this.#probes.set(key, timer);
  }

  #setTimer(): void {
    if (this.#stopped.signal.aborted) return;
    const { store, route, health, clock } = this.#options;
    let next = Infinity;
    for (const { dest, nextDueAt } of store.backlog()) {
      const destination = route(dest);
      if (destination !== undefined && health.isDown(destination.key)) this.#probe(destination);
      else if (this.#lanes.get(dest)?.isIdle !== false) next = Math.min(next, nextDueAt);
    }
    this.#timer?.stop();
    this.#timer = undefined;
    if (next === Infinity) return;
    // Timers hold 31 bits; a wake too early does no harm.
    const waitMs = Math.min(Math.max(next - clock.now(), 1), 2 ** 30);
    this.#timer = clock.timer(waitMs, () => this.wake());
  }

  #expire(): Promise<void> {
    const { store, clock, log } = this.#options;
    return expireOverdue(store, clock, log);
  }

  #supervise(work: Promise<void>): void {
    const watched: Promise<void> = work
      .catch((error: unknown) => this.#surprise(error))
      .finally(() => this.#work.delete(watched));
    this.#work.add(watched);
  }

  #surprise(error: unknown): void {
    const { log, clock, onStoreFailure } = this.#options;
    if (error instanceof CodedError && error.code === 'STORE_FAILED') {
      onStoreFailure();
      return;
    }
    const stack = error instanceof Error ? error.stack : undefined;
    log.emit('crash', { err: errorText(error), stack }, 'error');
    if (!this.#stopped.signal.aborted) clock.timer(RECOVER_MS, () => this.wake());
  }
}
