/**
 * Mail that is late: its sender is told once that it is still being tried, if the sender is proven
 * and did not ask for silence (RFC 3461 4.1); of everybody else's the log has a line. What is tried
 * is told of at an attempt that did not work; what waits for a destination that is down, by looking.
 */
import type { Clock } from '../base/clock.ts';
import { secondsSince } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { sessionOf } from '../base/ids.ts';
import { pathText } from '../mail/address.ts';
import type { SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import type { NewMail, SpoolStore } from '../store/spool-store.ts';
import { orWithout } from './no-room.ts';
import type { DrawnReports, OwnReport } from './reports.ts';
import { dsnOwed } from './reports.ts';
import { laneName } from './route.ts';
import { isRefused } from './settlement.ts';

export interface DelayDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly policy: (dest: string) => { readonly delayWarningMs: number | null };
  /** Without it nobody is told. */
  readonly reports?: DrawnReports;
}

export interface Delay {
  /** As it is to be stored: marked as told of. */
  readonly entry: SpoolEntry & Required<Pick<SpoolEntry, 'delayToldAt'>>;
  /** To come into the spool in the same step. */
  readonly report: OwnReport | undefined;
}

/** A message whose delay is to be told of now. */
export async function delayOf(deps: DelayDeps, entry: SpoolEntry): Promise<Delay | undefined> {
  const now = deps.clock.now();
  if (!isLate(deps, entry, now)) return undefined;
  const owed = stillTried(entry).filter((recipient) => dsnOwed(entry, recipient, 'delayed'));
  const report = owed.length === 0 ? undefined : await deps.reports?.delayed(entry, owed);
  return { entry: { ...entry, delayToldAt: now }, report };
}

export function logDelay({ clock, log }: DelayDeps, entry: SpoolEntry, isTold: boolean): void {
  const now = clock.now();
  log.emit('msg.delay', {
    id: entry.id,
    sid: sessionOf(entry.id),
    from: pathText(entry.reversePath),
    dest: laneName(entry.dest),
    age: Math.round(secondsSince(entry.queuedAt, now)),
    text: stillTried(entry).find(({ last }) => last !== undefined)?.last?.text,
    dsn: isTold ? 'sent' : 'none',
  });
}

function stillTried({ recipients }: SpoolEntry): readonly SpooledRecipient[] {
  return recipients.filter((recipient) => !isRefused(recipient));
}

function isLate({ policy }: DelayDeps, entry: SpoolEntry, now: number): boolean {
  if (entry.delayToldAt !== undefined || entry.hold !== undefined) return false;
  const { delayWarningMs } = policy(entry.dest);
  // Whoever is told at the end anyway need not be told of a delay a moment before.
  return delayWarningMs !== null && now >= entry.queuedAt + delayWarningMs && now < entry.expiresAt;
}

const PAGE = 200;
/** In one look; the next one goes on behind them. */
const MAX_PAGES = 50;

export interface DelayWatchDeps extends DelayDeps {
  readonly store: Pick<SpoolStore, 'scan' | 'administer'>;
  /** Mail of this lane is not tried now: its destination is down or held. */
  readonly isClosed: (lane: string) => boolean;
}

/**
 * Looks through the queue from the oldest message on, a bounded piece at each call, and remembers
 * behind which message to go on: each is looked at when it has become late, not again and again.
 */
export class DelayWatch {
  readonly #deps: DelayWatchDeps;
  /** All before it have been looked at. */
  #after: string | undefined;

  constructor(deps: DelayWatchDeps) {
    this.#deps = deps;
  }

  async look(signal: AbortSignal): Promise<void> {
    const { store } = this.#deps;
    let after = this.#after;
    // Behind the first one that is not late yet nothing is passed by for good.
    let isPassing = true;
    for (let pages = 0; pages < MAX_PAGES && !signal.aborted; pages++) {
      const page = await store.scan({
        limit: PAGE,
        only: 'waiting',
        ...(after !== undefined && { after }),
      });
      let anyLate = false;
      for (const { entry, active } of page) {
        const isOld = this.#isOld(entry);
        anyLate ||= isOld;
        isPassing &&= isOld;
        if (isOld && !active) await this.#tell(entry);
        if (isPassing) this.#after = entry.id;
      }
      after = page.at(-1)?.entry.id;
      if (page.length < PAGE || !anyLate) return;
    }
  }

  #isOld({ dest, queuedAt }: SpoolEntry): boolean {
    const { delayWarningMs } = this.#deps.policy(dest);
    return delayWarningMs === null || this.#deps.clock.now() >= queuedAt + delayWarningMs;
  }

  async #tell(entry: SpoolEntry): Promise<void> {
    if (!this.#deps.isClosed(entry.dest)) return;
    const delay = await delayOf(this.#deps, entry);
    if (delay === undefined) return;
    const { store, log } = this.#deps;
    const { report } = delay;
    const { delayToldAt } = delay.entry;
    const told = (mail: readonly NewMail[]) =>
      store.administer(entry.id, { kind: 'told', delayToldAt, seen: entry }, mail);
    let isTold = report !== undefined;
    const isMarked = await (report === undefined
      ? told([])
      : orWithout(
          log,
          entry.id,
          () => told([report.mail]),
          () => {
            isTold = false;
            return told([]);
          },
        ));
    // Somebody has it, or just had it: that attempt tells of it.
    if (!isMarked) return;
    if (isTold) report?.stored();
    logDelay(this.#deps, entry, isTold);
  }
}
