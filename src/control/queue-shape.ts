/**
 * How old the queue is, and what it waits for: messages counted by age under what they have in
 * common, as Postfix's qshape does it. One walk through the queue, in memory as long as the answer.
 */
import { pathText } from '../mail/address.ts';
import { homeLane } from '../mail/redirection.ts';
import { withoutSender } from '../mail/remote-lane.ts';
import type { SpoolStore, Summary } from '../store/spool-store.ts';
import type { QueueFilter } from './queue-filter.ts';
import { filteredQueue } from './queue-filter.ts';
import type { QueueView } from './queue-view.ts';
import type { Row } from './rows.ts';
import { reasonOf } from './rows.ts';

export const SHAPE_BY = ['dest', 'from', 'account', 'reason'] as const;
export type ShapeBy = (typeof SHAPE_BY)[number];

/** Upper ends of the age classes, in minutes; the last class has none. */
const BOUNDS = [5, 10, 20, 40, 80, 160, 320, 640, 1280];
const MINUTE_MS = 60_000;
/** More kinds than this are counted together: a sender may write what he likes. */
const MAX_KINDS = 10_000;
const OTHER = '(other)';
const TOTAL = 'TOTAL';

/** Busiest first, the sum of all before them. */
export async function queueShape(
  { spool, outage }: Pick<QueueView, 'outage'> & { readonly spool: Pick<SpoolStore, 'scan'> },
  filter: QueueFilter,
  by: ShapeBy,
  now: number,
): Promise<Row[]> {
  const total = emptyCounts();
  const kinds = new Map<string, number[]>();
  for await (const summary of filteredQueue(spool, filter)) {
    const index = classOf(now - summary.entry.queuedAt);
    const wanted = kindOf(summary, by, outage);
    const kind = kinds.has(wanted) || kinds.size < MAX_KINDS ? wanted : OTHER;
    const counts = kinds.get(kind) ?? emptyCounts();
    kinds.set(kind, counts);
    count(counts, index);
    count(total, index);
  }
  const sorted = [...kinds].map(([kind, counts]) => shapeRow(kind, counts));
  sorted.sort((a, b) => b.total - a.total);
  return sorted.length === 0 ? [] : [shapeRow(TOTAL, total), ...sorted];
}

function emptyCounts(): number[] {
  return Array.from({ length: BOUNDS.length + 1 }, () => 0);
}

function count(counts: number[], index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}

function classOf(ageMs: number): number {
  const index = BOUNDS.findIndex((minutes) => ageMs < minutes * MINUTE_MS);
  return index < 0 ? BOUNDS.length : index;
}

function kindOf(summary: Summary, by: ShapeBy, outage: QueueView['outage']): string {
  const { entry } = summary;
  switch (by) {
    case 'dest':
      return withoutSender(homeLane(entry.dest));
    case 'from':
      return entry.reversePath === null ? '<>' : pathText(entry.reversePath).replace(/^.*@/, '@');
    case 'account':
      return entry.account ?? '-';
    case 'reason':
      return entry.hold?.text ?? reasonOf(summary, outage(entry.dest)) ?? '-';
    default:
      return by satisfies never;
  }
}

function shapeRow(key: string, counts: readonly number[]) {
  const total = counts.reduce((sum, some) => sum + some, 0);
  const buckets = Object.fromEntries(
    counts.map((some, index) => [String(BOUNDS[index] ?? `${BOUNDS.at(-1) ?? ''}+`), some]),
  );
  return { v: 1, kind: 'shape', key, total, buckets };
}
