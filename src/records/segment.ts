/**
 * Events as a segment of a record: the bytes, whether more may follow, the terms it is found by, and
 * those that hold no more because of it. Made from the events alone, whether they have just happened
 * or are read back to be given another form.
 */
import type { EventName } from '../base/log.ts';
import type { TraceEvent } from '../base/session-traces.ts';
import { resultOf } from './trace-summary.ts';
import type { RecordSegment } from '../store/record-store.ts';
import type { RecordedEvents } from './recorded-events.ts';
import { encode } from './recorded-events.ts';
import { resultTerms, termsOf } from './terms.ts';

/** Answers after which nothing more can happen. */
const FINAL: ReadonlySet<unknown> = new Set(['reject', 'tempfail', 'abort']);
/** Words of results that an event overrules. */
const OVERRULED: Partial<Record<EventName, readonly string[]>> = {
  'msg.done': ['queued', 'deferred', 'held'],
  'rcpt.defer': ['queued'],
  'rcpt.hold': ['queued', 'deferred'],
  'queue.release': ['held'],
  'quar.add': ['queued', 'deferred', 'held'],
};

export function segmentOf(id: string, recorded: RecordedEvents): RecordSegment {
  const { session, own, isLater } = recorded;
  const events = session.length === 0 ? own : [...session, ...own];
  // Nothing of its own: only told along with the messages of the session.
  const terms = own.length === 0 ? [] : termsOf(events);
  const results = own.length === 0 ? [] : resultTerms(resultOf(own).result);
  terms.push(...results);
  return {
    id,
    at: (own[0] ?? events[0])?.at ?? 0,
    place: isLater ? 'later' : id.includes('.') && !isFinal(own) ? 'first' : 'whole',
    bytes: encode(recorded),
    terms,
    revoked: isLater ? revoked(own, results) : [],
  };
}

function isFinal(events: readonly TraceEvent[]): boolean {
  let isAnswered = false;
  let isRefused = false;
  /** Ends that are still to come: one, and one for each part. */
  let open = 1;
  for (const { evt, fields } of events) {
    if (evt === 'msg.in') {
      isAnswered = true;
      isRefused = FINAL.has(fields['res']);
    } else if (evt === 'msg.part') open += 1;
    else if (evt === 'msg.done') open -= 1;
  }
  return isAnswered && (isRefused || open <= 0);
}

/** A later result takes the place of those that were only for the time being. */
function revoked(events: readonly TraceEvent[], results: readonly string[]): string[] {
  const words = events.flatMap(({ evt }) => OVERRULED[evt] ?? []);
  return [...new Set(words.flatMap(resultTerms))].filter((term) => !results.includes(term));
}
