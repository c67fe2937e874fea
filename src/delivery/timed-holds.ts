/**
 * Messages that an operator holds for a time: when it is over they go out as if he had released them.
 * What is held stands in the store alone; here is only when the first of these holds ends, found at
 * the start and at each look, so that any number of them costs one walk for each moment one ends.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { paged } from '../base/paged.ts';
import { sessionOf } from '../base/ids.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { SpoolStore } from '../store/spool-store.ts';

export interface TimedHoldsOptions {
  readonly store: Pick<SpoolStore, 'scan' | 'administer' | 'totals'>;
  /** How long delivery of a message that is released is tried. */
  readonly lifetimeMs: (lane: string) => number;
  readonly wake: (lane: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** A promise that nobody waits for was rejected. */
  readonly onFault: (error: unknown) => void;
}

/** Timers hold 31 bits; a look too early does no harm. */
const MAX_TIMER_MS = 2 ** 30;
/** After trouble, and for a message that somebody was at work on. */
const AGAIN_MS = 10_000;

export class TimedHolds {
  readonly #options: TimedHoldsOptions;
  readonly #stopped = new AbortController();
  #nextEndAt = Infinity;
  #timer: Timer | undefined;
  #look: Promise<void> | undefined;

  constructor(options: TimedHoldsOptions) {
    this.#options = options;
  }

  start(): void {
    this.endsAt(this.#options.clock.now());
  }

  /** A message is held until then. */
  endsAt(at: number): void {
    this.#nextEndAt = Math.min(this.#nextEndAt, at);
    if (this.#look === undefined) this.#wait();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#timer?.stop();
    await this.#look;
  }

  #wait(): void {
    const { clock, onFault } = this.#options;
    this.#timer?.stop();
    if (this.#stopped.signal.aborted || this.#nextEndAt === Infinity) return;
    const ms = Math.min(Math.max(0, this.#nextEndAt - clock.now()), MAX_TIMER_MS);
    this.#timer = clock.timer(ms, () => {
      this.#look = this.#end()
        .catch((error: unknown) => {
          onFault(error);
          this.#nextEndAt = clock.now() + AGAIN_MS;
        })
        .then(() => {
          this.#look = undefined;
          this.#wait();
        });
    });
  }

  async #end(): Promise<void> {
    const { store, clock } = this.#options;
    this.#nextEndAt = Infinity;
    if (store.totals().held === 0) return;
    const held = paged(
      (page) => store.scan({ ...page, only: 'held' }),
      ({ entry }) => entry.id,
    );
    for await (const { entry } of held) {
      if (this.#stopped.signal.aborted) return;
      const until = entry.hold?.until;
      if (until === undefined) continue;
      const now = clock.now();
      if (until > now) this.#nextEndAt = Math.min(this.#nextEndAt, until);
      else if (!(await this.#release(entry, now)))
        this.#nextEndAt = Math.min(this.#nextEndAt, now + AGAIN_MS);
    }
  }

  async #release(entry: SpoolEntry, now: number): Promise<boolean> {
    const { store, lifetimeMs, wake, log } = this.#options;
    const { id, dest } = entry;
    const expiresAt = Math.max(entry.expiresAt, now + lifetimeMs(dest));
    // Somebody may have held it for longer since it was read.
    const step = { kind: 'due', release: true, expiresAt, seen: entry } as const;
    if (!(await store.administer(id, step))) return false;
    const sid = sessionOf(id);
    log.emit('queue.release', { sid, id, who: 'gateway', text: 'the time of its hold is over' });
    wake(dest);
    return true;
  }
}
