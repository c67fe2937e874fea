/**
 * Messages whose lifetime ends while their destination is down, so that no attempt notices. They end
 * as after a last attempt: reported to a proven sender, else held for a person.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { SpoolStore, Summary } from '../store/spool-store.ts';
import { logDone, logExpired, logHold } from './attempt-log.ts';
import type { Reports } from './reports.ts';
import { fateOf } from './reports.ts';
import { settle } from './settlement.ts';

const PAGE = 200;
/** Held messages are old as well and are passed over; more than this wait for the next look. */
const MAX_PAGES = 500;

export interface ExpiryDeps {
  readonly store: Pick<SpoolStore, 'scan' | 'administer'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly policy: (dest: string) => { readonly lifetimeMs: number };
  /** Mail of this hosted domain is not tried now: its destination is down or held. */
  readonly isDown: (dest: string) => boolean;
  readonly reports?: Reports;
}

/**
 * Ids sort by age, so the look ends when a whole page is too young to be over; not at the first such
 * message, for an id is as old as its session. One that a person gave a new lifetime is old and not
 * over; it is passed by.
 */
export async function expireOverdue(deps: ExpiryDeps, signal: AbortSignal): Promise<void> {
  const { store, clock, policy, isDown } = deps;
  const isYoung = ({ entry: { expiresAt, queuedAt, dest } }: Summary, now: number) =>
    expiresAt > now && queuedAt + policy(dest).lifetimeMs > now;
  let after: string | undefined;
  for (let pages = 0; pages < MAX_PAGES && !signal.aborted; pages++) {
    const page = await store.scan({ limit: PAGE, ...(after !== undefined && { after }) });
    const now = clock.now();
    for (const { entry, active } of page) {
      const isOver = entry.hold === undefined && !active && entry.expiresAt <= now;
      if (isOver && isDown(entry.dest)) await expire(deps, entry);
    }
    after = page.at(-1)?.entry.id;
    if (page.length < PAGE || page.every((one) => isYoung(one, now))) return;
  }
}

async function expire(deps: ExpiryDeps, entry: SpoolEntry): Promise<void> {
  const { store, clock, log, reports } = deps;
  const { id } = entry;
  const now = clock.now();
  const fate = reports === undefined ? () => 'hold' as const : fateOf.bind(undefined, entry);
  const settlement = settle(entry, [], now, undefined, fate);
  const { gone, reported, next } = settlement;
  if (next.kind === 'done' && (reported.length === 0 || (await reports?.failed(entry, reported)))) {
    if (!(await store.administer(id, { kind: 'remove' }))) return;
    logExpired(log, entry, gone, (recipient) => reported.includes(recipient), now);
    logDone(log, entry, next.result, entry.attempts, now);
    return;
  }
  const text = 'its lifetime ended before the destination took it';
  const hold = { by: 'gateway', at: now, reason: 'expired', text } as const;
  if (await store.administer(id, { kind: 'hold', hold })) logHold(log, { ...entry, hold }, now);
}
