/**
 * Quotas of the queue: how many messages and bytes may wait, of one domain and of the node
 * together, held ones included, and how many filters may keep. Over them mail is put off, never
 * refused for good, and only mail that would have to wait: what its destination takes at once needs
 * no place. What is being stored at the same moment may go a little over. Mail that was taken for
 * some of its recipients is never turned back.
 */
import type { Domain, Quota } from '../directory/domain.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { SpoolStore, SpoolTotals } from '../store/spool-store.ts';

/**
 * The refusal of one more message of so many bytes; nothing while there is room. Mail for domains
 * that are not hosted here has no quota but the node's; that of a split domain is for all its servers.
 */
export function overQuota(
  store: Pick<SpoolStore, 'totals'>,
  domain: Pick<Domain, 'lanes' | 'quota'> | undefined,
  node: Quota,
  bytes: number,
): Reply | undefined {
  if (domain !== undefined && !hasRoom(together(store, domain.lanes), domain.quota, bytes)) {
    return replies.domainQueueFull();
  }
  return hasRoom(store.totals(), node, bytes) ? undefined : replies.queueFull();
}

/** Likewise of one more message in quarantine, which is no part of the queue. */
export function overQuarantine(
  store: Pick<SpoolStore, 'quarantined'>,
  quota: Quota,
  more: number,
): Reply | undefined {
  const { messages, bytes } = store.quarantined();
  const isRoom = messages < quota.messages && bytes + more <= quota.bytes;
  return isRoom ? undefined : replies.queueFull();
}

function together(
  store: Pick<SpoolStore, 'totals'>,
  lanes: readonly string[],
): Pick<SpoolTotals, 'queued' | 'held' | 'bytes'> {
  const sum = { queued: 0, held: 0, bytes: 0 };
  for (const { queued, held, bytes } of lanes.map((lane) => store.totals(lane))) {
    sum.queued += queued;
    sum.held += held;
    sum.bytes += bytes;
  }
  return sum;
}

function hasRoom(
  { queued, held, bytes }: ReturnType<typeof together>,
  quota: Quota,
  more: number,
): boolean {
  return queued + held < quota.messages && bytes + more <= quota.bytes;
}
