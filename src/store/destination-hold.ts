/** Hold of a destination: its mail waits, taken and kept but not claimed. Pure, for every engine. */
import type { DestinationBacklog } from './spool-store.ts';

export interface DestinationHold {
  readonly dest: string;
  readonly at: number;
  /** It ends by itself then; undefined: only when somebody ends it. */
  readonly until?: number;
  /** Who did it, and why. */
  readonly by: string;
  readonly text: string;
}

/** Holds at once; more are refused with LIMIT. Far beyond the domains of one node. */
export const MAX_HOLDS = 100_000;

export function isOver(hold: DestinationHold, now: number): boolean {
  return hold.until !== undefined && hold.until <= now;
}

/** What waits is not found by a claim before the hold is over. */
export function backlogUnderHold(
  backlog: DestinationBacklog,
  hold: DestinationHold | undefined,
): DestinationBacklog {
  if (hold === undefined) return backlog;
  return { ...backlog, nextDueAt: Math.max(backlog.nextDueAt, hold.until ?? Infinity) };
}
