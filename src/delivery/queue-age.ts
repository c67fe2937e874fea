/** How long mail has waited: the oldest message that is not held for a person. */
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { SpoolStore } from '../store/spool-store.ts';

/** Ids sort by time. Undefined when nothing waits. */
export async function oldestWaiting(
  store: Pick<SpoolStore, 'scan' | 'totals'>,
): Promise<SpoolEntry | undefined> {
  if (store.totals().queued === 0) return undefined;
  const [first] = await store.scan({ limit: 1, only: 'waiting' });
  return first?.entry;
}
