/**
 * Messages whose lifetime ends while their destination is down, so that no attempt notices: they are
 * held for a person. Ids sort by age, so the look ends at the first one that has time left.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import { logHold } from './attempt.ts';

const PAGE = 200;
/** Held messages are old as well and are passed over; more than this wait for the next look. */
const MAX_PAGES = 500;

export async function expireOverdue(
  store: Pick<SpoolStore, 'scan' | 'administer'>,
  clock: Clock,
  log: Log,
): Promise<void> {
  let after: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = await store.scan({ limit: PAGE, ...(after !== undefined && { after }) });
    for (const { entry, active } of page) {
      if (entry.hold !== undefined || active) continue;
      const now = clock.now();
      if (entry.expiresAt > now) return;
      const text = 'its lifetime ended before the destination took it';
      const hold = { by: 'gateway', at: now, reason: 'expired', text } as const;
      if (await store.administer(entry.id, { kind: 'hold', hold })) {
        logHold(log, { ...entry, hold }, now);
      }
    }
    after = page.at(-1)?.entry.id;
    if (after === undefined || page.length < PAGE) return;
  }
}
