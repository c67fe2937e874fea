/**
 * Which messages of the queue an operator means: a pure test on one message, and the walk over all
 * of them in pages, so that a queue of any length is listed in little memory.
 */
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { Address } from '../mail/address.ts';
import { domainKey, formatAddress } from '../mail/address.ts';
import { homeLane } from '../mail/redirection.ts';
import { domainOfLane } from '../mail/split-lane.ts';
import { CodedError } from '../base/errors.ts';
import { paged } from '../base/paged.ts';
import type { SpoolStore, Summary } from '../store/spool-store.ts';
import type { QueueState } from './rows.ts';
import { stateOf } from './rows.ts';

export interface QueueFilter {
  /** An address, `@domain`, or `<>` for the null reverse-path. */
  readonly from?: string;
  readonly to?: string;
  /** Name of a hosted domain. */
  readonly dest?: string;
  readonly state?: QueueState;
  /** Name of the account that sends it. */
  readonly account?: string;
  /** Queued before, or at or after, this time. */
  readonly before?: number;
  readonly since?: number;
  /** Larger than so many bytes. */
  readonly largerBytes?: number;
}

export async function* filteredQueue(
  spool: Pick<SpoolStore, 'scan'>,
  filter: QueueFilter,
): AsyncGenerator<Summary> {
  const all = paged(
    (page) => spool.scan(page),
    ({ entry }) => entry.id,
  );
  for await (const summary of all) if (isMeant(summary, filter)) yield summary;
}

/** Damaged messages match no filter but their state: nothing else is known of them. */
export function meansDamaged({ state, ...others }: QueueFilter): boolean {
  return (state ?? 'damaged') === 'damaged' && Object.keys(others).length === 0;
}

export function isMeant(summary: Summary, filter: QueueFilter): boolean {
  const { entry } = summary;
  const { from, to, dest, state, account, before, since, largerBytes } = filter;
  return (
    (from === undefined || isAddressed(entry.reversePath, from)) &&
    (to === undefined || entry.recipients.some(({ address }) => isAddressed(address, to))) &&
    (dest === undefined || isLaneOf(homeLane(entry.dest), dest)) &&
    (account === undefined || entry.account?.toLowerCase() === account.toLowerCase()) &&
    isInState(stateOf(summary), state) &&
    (before === undefined || entry.queuedAt < before) &&
    (since === undefined || entry.queuedAt >= since) &&
    (largerBytes === undefined || entry.sizeBytes > largerBytes)
  );
}

/** The quarantine is no part of the queue: only who names it is shown it. */
function isInState(state: QueueState, wanted: QueueState | undefined): boolean {
  return wanted === undefined ? state !== 'quarantine' : state === wanted;
}

export interface QuarantineFilter extends Omit<QueueFilter, 'state'> {
  readonly dir?: 'in' | 'out';
  /** Only what somebody has asked for. */
  readonly asked?: boolean;
}

/** Of the time since when it is kept. */
export function isKept(entry: SpoolEntry, { dir, asked, ...filter }: QuarantineFilter): boolean {
  const queuedAt = entry.hold?.at ?? entry.queuedAt;
  const summary = { entry: { ...entry, queuedAt }, dueAt: undefined, active: false };
  return (
    (dir ?? entry.direction) === entry.direction &&
    (asked !== true || entry.hold?.quarantine?.asked !== undefined) &&
    isMeant(summary, { ...filter, state: 'quarantine' })
  );
}

function isAddressed(address: Address | null, wanted: string): boolean {
  if (address === null) return wanted === '<>';
  if (wanted.startsWith('@')) return domainKey(address.domain) === domainKey(wanted.slice(1));
  return formatAddress(address).toLowerCase() === wanted.toLowerCase();
}

/** Undefined when it is gone. */
export async function readMessage(
  spool: Pick<SpoolStore, 'get'>,
  id: string,
): Promise<Summary | 'damaged' | undefined> {
  try {
    return await spool.get(id);
  } catch (error) {
    if (error instanceof CodedError && error.code === 'STORE_DAMAGED') return 'damaged';
    throw error;
  }
}

/** By its own name, or that of the domain. */
function isLaneOf(lane: string, dest: string): boolean {
  return [lane, domainOfLane(lane)].includes(domainKey(dest));
}
