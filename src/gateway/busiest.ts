/** What a domain has sent most today, as the records have it: of its newest messages. */
import type { Busiest } from '../alerts/sending-notices.ts';
import type { Clock } from '../base/clock.ts';
import type { Domain } from '../directory/domain.ts';
import type { Trace } from '../records/trace-book.ts';
import { Calendar } from '../store/calendar.ts';

/** Messages that are looked at. */
const LOOKED_AT = 1000;
const NAMED = 5;

export async function busiestOf(
  trace: Pick<Trace, 'search'>,
  clock: Clock,
  { name, outgoing }: Domain,
): Promise<Busiest> {
  const { start } = new Calendar().span(outgoing.timeZone, 'day', clock.now());
  const query = { domain: name, dir: 'out', since: start, limit: LOOKED_AT };
  const { rows } = await trace.search(query);
  const senders = new Map<string, number>();
  const recipients = new Map<string, number>();
  const subjects = new Map<string, number>();
  for (const { from, to, rcpts = 1, subject, result } of rows) {
    // What was refused takes nothing of the limit.
    if (/^(?:rejected|tempfailed|aborted)/.test(result)) continue;
    count(senders, from === '' || from === undefined ? '<>' : from, rcpts);
    for (const one of to.split(',')) count(recipients, one, 1);
    if (subject !== undefined) count(subjects, subject, rcpts);
  }
  return { senders: most(senders), recipients: most(recipients), subjects: most(subjects) };
}

function count(counts: Map<string, number>, what: string, by: number): void {
  counts.set(what, (counts.get(what) ?? 0) + by);
}

function most(counts: ReadonlyMap<string, number>): string[] {
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, NAMED)
    .map(([what, times]) => `${times} x ${what}`);
}
