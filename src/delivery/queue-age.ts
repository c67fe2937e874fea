/** How long mail has waited: the oldest message that is not held for a person. */
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { SpoolStore } from '../store/spool-store.ts';

const PAGE = 200;
/** So many held messages in front of it are passed over; behind more the answer is "unknown". */
const MAX_PAGES = 10;

/** Ids sort by time. Undefined when nothing waits, or it was not found. */
export async function oldestWaiting(
  store: Pick<SpoolStore, 'scan' | 'totals'>,
): Promise<SpoolEntry | undefined> {
  let after: string | undefined;
  for (let pages = 0; pages < MAX_PAGES && store.totals().queued > 0; pages++) {
    const page = await store.scan({ limit: PAGE, ...(after !== undefined && { after }) });
    const found = page.find(({ entry }) => entry.hold === undefined);
    if (found !== undefined) return found.entry;
    after = page.at(-1)?.entry.id;
    if (page.length < PAGE) return undefined;
  }
  return undefined;
}
