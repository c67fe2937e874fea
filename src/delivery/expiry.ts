/**
 * Messages whose lifetime ends while nothing of their destination is tried, so that no attempt
 * notices, or because an operator says so. They end as after a last attempt: reported to a proven
 * sender, else held for a person.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import type { NewMail, SpoolStore } from '../store/spool-store.ts';
import { logDone, logEndWish, logExpired, logHold } from './attempt-log.ts';
import { orWithout } from './no-room.ts';
import type { DrawnReports } from './reports.ts';
import { fateOf } from './reports.ts';
import { settle } from './settlement.ts';

const PAGE = 200;
/** In one look, so that it does not keep the store busy; the next one goes on behind them. */
const MAX_PAGES = 500;

export interface ExpiryDeps {
  readonly store: Pick<SpoolStore, 'scan' | 'administer' | 'backlog'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly policy: (dest: string) => { readonly lifetimeMs: number };
  /** Mail of this lane is not tried now: its destination is down or held. */
  readonly isClosed: (lane: string) => boolean;
  readonly reports?: DrawnReports;
}

/**
 * Looks through the queue from the oldest message on. Ids sort by age, so a round ends when a whole
 * page is too young to be over; not at the first such message, for an id is as old as its session.
 * What waits for a person, and what was given a new lifetime, is old and not over; it is passed by.
 * A round knows when the next message can be over, and until then no other begins: a queue of any
 * length costs one walk for each moment at which something ends, not one a minute.
 */
export class Expiry {
  readonly #deps: ExpiryDeps;
  /** Where a round that was too long for one look goes on. */
  #after: string | undefined;
  /** Of the present or last round: when it began, and the first end of a lifetime it has seen. */
  #beganAt = -Infinity;
  #nextEndAt = -Infinity;

  constructor(deps: ExpiryDeps) {
    this.#deps = deps;
  }

  async look(signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#deps;
    const shortestMs = this.#shortestLifetimeMs();
    if (this.#after === undefined) {
      if (shortestMs === undefined) return;
      // What came since the last round began cannot be over before the shortest lifetime.
      if (clock.now() < Math.min(this.#nextEndAt, this.#beganAt + shortestMs)) return;
      this.#beganAt = clock.now();
      this.#nextEndAt = Infinity;
    }
    for (let pages = 0; pages < MAX_PAGES && !signal.aborted; pages++) {
      const after = this.#after;
      const page = await store.scan({
        limit: PAGE,
        only: 'waiting',
        ...(after !== undefined && { after }),
      });
      const now = clock.now();
      let areYoung = true;
      for (const { entry, active } of page) {
        areYoung &&= entry.expiresAt > now && entry.queuedAt + (shortestMs ?? Infinity) > now;
        if (entry.hold !== undefined) continue;
        const isOver = !active && entry.expiresAt <= now && this.#deps.isClosed(entry.dest);
        const isEnded = isOver && (await expire(this.#deps, entry)) !== 'busy';
        if (!isEnded) this.#nextEndAt = Math.min(this.#nextEndAt, entry.expiresAt);
      }
      this.#after = page.at(-1)?.entry.id;
      if (page.length < PAGE || areYoung) {
        this.#after = undefined;
        return;
      }
    }
  }

  /** Of what waits; undefined when everything that waits is tried. */
  #shortestLifetimeMs(): number | undefined {
    const { store, isClosed, policy } = this.#deps;
    const lanes = store.backlog().map(({ dest }) => dest);
    if (!lanes.some(isClosed)) return undefined;
    return lanes.reduce((least, lane) => Math.min(least, policy(lane).lifetimeMs), Infinity);
  }
}

/** An operator who ends a lifetime before its time, and why. */
export interface EndWish {
  readonly by: string;
  readonly why: string;
}

/** `held`: nobody may be told, or there is no room for a report. `busy`: it is being tried, or just was. */
export type LifetimeEnd = 'expired' | 'held' | 'busy';

/** The lifetime of a message is over. What is held stays as it is when it cannot be let go. */
export async function expire(
  deps: Pick<ExpiryDeps, 'store' | 'clock' | 'log' | 'reports'>,
  entry: SpoolEntry,
  wish?: EndWish,
): Promise<LifetimeEnd> {
  const { store, clock, log, reports } = deps;
  const { id } = entry;
  const now = clock.now();
  const fate = reports === undefined ? () => 'hold' as const : fateOf.bind(undefined, entry);
  const { gone, reported, next } = settle({ ...entry, expiresAt: now }, [], now, fate);
  if (next.kind !== 'done') return holdExpired(deps, entry, now, wish);
  const report = reported.length === 0 ? undefined : await reports?.failed(entry, reported);
  if (reported.length > 0 && report === undefined) return holdExpired(deps, entry, now, wish);
  const isReported = (recipient: SpooledRecipient) => reported.includes(recipient);
  const remove = async (mail: readonly NewMail[]) => {
    if (!(await store.administer(id, { kind: 'remove', seen: entry }, mail))) return 'busy';
    if (wish !== undefined) logEndWish(log, id, wish);
    report?.stored();
    logExpired(log, entry, gone, isReported, now);
    logDone(log, entry, next.result, entry.attempts, now);
    return 'expired';
  };
  if (report === undefined) return remove([]);
  return orWithout<LifetimeEnd>(
    log,
    id,
    () => remove([report.mail]),
    () => holdExpired(deps, entry, now, wish),
  );
}

async function holdExpired(
  { store, log }: Pick<ExpiryDeps, 'store' | 'log'>,
  entry: SpoolEntry,
  now: number,
  wish: EndWish | undefined,
): Promise<LifetimeEnd> {
  if (entry.hold !== undefined) return 'held';
  const { by, why } = wish ?? {
    by: 'gateway',
    why: 'its lifetime ended before the destination took it',
  };
  const text = why === '' ? 'its lifetime was ended by hand' : why;
  const hold = { by, at: now, reason: 'expired', text } as const;
  if (!(await store.administer(entry.id, { kind: 'hold', hold, seen: entry }))) return 'busy';
  if (wish !== undefined) logEndWish(log, entry.id, wish);
  logHold(log, { ...entry, hold }, now);
  return 'held';
}
