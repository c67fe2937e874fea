/**
 * The trace: what became of which mail, answered from the records, over restarts. A search gives one
 * page, newest first, and where the next one begins; it looks at a bounded number of records, in
 * steps between which mail goes on. What has happened up to the moment of the question is found:
 * whatever waits to be written is written first. The time line of one id comes from memory when it
 * is there from its beginning (with all debug events), else from its record.
 */
import type { SessionTraces, Timeline, TraceEvent } from '../base/session-traces.ts';
import { dayOf } from '../base/days.ts';
import { CodedError } from '../base/errors.ts';
import { messageOf, sessionOf } from '../base/ids.ts';
import type { TraceRow } from './trace-summary.ts';
import { summary } from './trace-summary.ts';
import { remoteId } from '../mail/remote-id.ts';
import type { Condition, RecordDay, RecordStore, StoredRecord } from '../store/record-store.ts';
import type { Pseudonym } from './pseudonyms.ts';
import { decode } from './recorded-events.ts';
import { RESULTS } from './results.ts';
import { termsOf, resultTerms } from './terms.ts';
import type { TraceQuery } from './trace-query.ts';
import { conditionsOf, meets, pseudonymous, recipientCondition } from './trace-query.ts';

export interface FoundRow extends TraceRow {
  /** The customer's. */
  readonly domain?: string;
  /** Where it goes. */
  readonly dest?: string;
  readonly size?: number;
  readonly msgid?: string;
  readonly subject?: string;
  readonly account?: string;
  readonly identity?: string;
  /** Of mail that has limits of its own. */
  readonly mailKind?: string;
  /** Under which the destination has it. */
  readonly remoteId?: string;
  /** Those whom the question names in `among`. */
  readonly among?: readonly string[];
}

export interface TracePage {
  readonly rows: readonly FoundRow[];
  /** Where to go on; undefined: that was all. */
  readonly cursor: string | undefined;
}

export interface Trace {
  /** What a search may ask for, or the beginning of it. */
  readonly results: readonly string[];
  search(query: TraceQuery): Promise<TracePage>;
  timeline(id: string): Promise<Timeline | undefined>;
}

export interface TraceBookOptions {
  readonly traces: Pick<SessionTraces, 'timeline'>;
  /** Writes what waits; rejects when the records are not at hand. */
  readonly flush: () => Promise<RecordStore>;
  /** Pseudonyms of a day; undefined when its key is gone. */
  readonly pseudonyms: (day: string) => Pseudonym | undefined;
}

/** Records that a page looks at; with fewer hits than wanted it then ends with a cursor. */
const MAX_LOOKED_AT = 20_000;
/** Searches side by side: each keeps one of the threads busy that the store of the mail needs. */
const MAX_SEARCHES = 2;
const MAX_WAITING = 50;
/** Records of a session that its time line is made of. */
const MAX_OF_SESSION = 2000;

export class TraceBook implements Trace {
  readonly results = RESULTS;
  readonly #options: TraceBookOptions;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: TraceBookOptions) {
    this.#options = options;
  }

  async search(query: TraceQuery): Promise<TracePage> {
    await this.#turn();
    try {
      return await this.#page(await this.#options.flush(), query);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async timeline(wanted: string): Promise<Timeline | undefined> {
    const { traces, flush } = this.#options;
    const id = messageOf(wanted);
    const recent = traces.timeline(id);
    if (recent !== undefined && recent.dropped === 0 && beginsThere(recent)) return recent;
    const sid = sessionOf(id);
    let stored: readonly StoredRecord[];
    try {
      stored = await (await flush()).session(sid, MAX_OF_SESSION);
    } catch (error) {
      if (recent !== undefined) return recent;
      throw error;
    }
    return timelineOf(sid, id, stored) ?? recent;
  }

  async #page(store: RecordStore, query: TraceQuery): Promise<TracePage> {
    const general = conditionsOf(query);
    const known = new Map<string, readonly Condition[] | undefined>();
    const ofDay = (day: Omit<RecordDay, 'bytes'>) => {
      const key = `${day.day} ${day.rewritten ?? ''}`;
      if (!known.has(key)) known.set(key, this.#conditions(general, day));
      return known.get(key);
    };
    const ofEach = new Map<string, readonly Named[]>();
    const namedOn = (day: Omit<RecordDay, 'bytes'>) => {
      const key = `${day.day} ${day.rewritten ?? ''}`;
      const found = ofEach.get(key) ?? this.#named(query, day);
      ofEach.set(key, found);
      return found;
    };
    const { since, until, cursor, limit } = query;
    const rows: FoundRow[] = [];
    let lookedAt = 0;
    const candidates = store.search({
      conditions: ofDay,
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      ...(cursor !== undefined && { before: cursor }),
    });
    for await (const { id, segments, rewritten } of candidates) {
      lookedAt += 1;
      const day = { day: dayOf(id), rewritten };
      const row = rowIf(id, segments, query, ofDay(day) ?? [], () => namedOn(day));
      if (row !== undefined) rows.push(row);
      if (rows.length >= limit || lookedAt >= MAX_LOOKED_AT) return { rows, cursor: id };
    }
    return { rows, cursor: undefined };
  }

  #conditions(
    general: readonly Condition[],
    { day, rewritten }: Omit<RecordDay, 'bytes'>,
  ): readonly Condition[] | undefined {
    if (rewritten === undefined) return general;
    const pseudonym = this.#options.pseudonyms(day);
    return pseudonymous(general, pseudonym ?? ((value) => value));
  }

  #named({ among = [] }: TraceQuery, day: Omit<RecordDay, 'bytes'>): readonly Named[] {
    return among.map((address) => ({
      address,
      conditions: this.#conditions([recipientCondition(address)], day),
    }));
  }

  async #turn(): Promise<void> {
    if (this.#running >= MAX_SEARCHES) {
      if (this.#waiting.length >= MAX_WAITING) throw new CodedError('LIMIT', 'too many searches');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running += 1;
  }
}

/** One of `among`, as the records of a day have him; undefined when they cannot. */
interface Named {
  readonly address: string;
  readonly conditions: readonly Condition[] | undefined;
}

/** The record as a row, when it is what was asked for. */
function rowIf(
  id: string,
  segments: readonly Uint8Array[],
  query: TraceQuery,
  conditions: readonly Condition[],
  named: () => readonly Named[],
): FoundRow | undefined {
  const parts = segments.flatMap((bytes) => decode(id, bytes) ?? []);
  const own = parts.flatMap((part) => part.own);
  if (own.length === 0) return undefined;
  const events = [...parts.flatMap((part) => part.session), ...own];
  const row = rowOf(id, events, own);
  const { since = -Infinity, until = Infinity, dir, result } = query;
  if (row.at < since || row.at > until) return undefined;
  if (dir !== undefined && row.dir !== dir) return undefined;
  if (result !== undefined && !row.result.startsWith(result)) return undefined;
  if (conditions.length === 0 && query.among === undefined) return row;
  const terms = new Set([...termsOf(events), ...resultTerms(row.result)]);
  if (!meets(terms, conditions)) return undefined;
  if (query.among === undefined) return row;
  const isIn = ({ conditions: wanted }: Named) => wanted !== undefined && meets(terms, wanted);
  const among = named().flatMap((one) => (isIn(one) ? [one.address] : []));
  return { ...row, among };
}

function rowOf(id: string, events: readonly TraceEvent[], own: readonly TraceEvent[]): FoundRow {
  const first = (name: string) =>
    own.find(({ fields }) => fields[name] !== undefined)?.fields[name];
  const sent = own.findLast(({ evt }) => evt === 'rcpt.sent')?.fields['text'];
  const remote = typeof sent === 'string' ? remoteId(sent) : undefined;
  const taken = own.find(({ evt }) => evt === 'msg.in')?.fields;
  const size = first('size');
  return {
    ...summary(id, events, own),
    ...text('domain', first('customer') ?? first('dest')),
    ...text('dest', first('dest')),
    ...(typeof size === 'number' && { size }),
    ...text('msgid', first('msgid')),
    ...text('subject', first('subject')),
    ...text('account', first('acct')),
    ...text('identity', first('ident')),
    ...text('mailKind', taken?.['kind']),
    ...text('remoteId', remote),
  };
}

function text<N extends string>(name: N, value: unknown): Partial<Record<N, string>> {
  return typeof value === 'string' ? ({ [name]: value } as Record<N, string>) : {};
}

/** From the records of a session: its own events and those of the message, in the order of time. */
function timelineOf(
  sid: string,
  id: string,
  records: readonly StoredRecord[],
): Timeline | undefined {
  if (id !== sid && !records.some((record) => record.id === id)) return undefined;
  let dropped = 0;
  const events: TraceEvent[] = [];
  for (const record of records) {
    for (const bytes of record.segments) {
      const part = decode(record.id, bytes);
      if (part === undefined) continue;
      events.push(...part.session);
      if (id !== sid && record.id !== id && record.id !== sid) continue;
      events.push(...part.own);
      dropped += part.dropped;
    }
  }
  if (events.length === 0) return undefined;
  // Stable: what happened in the same millisecond stays in its order.
  return { sid, events: events.sort((a, b) => a.at - b.at), dropped };
}

function beginsThere({ events }: Timeline): boolean {
  return events[0]?.evt === 'smtp.open';
}
