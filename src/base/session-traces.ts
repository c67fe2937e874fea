/**
 * What happened to recent sessions and their messages, in memory, fed by the log's `tap` with every
 * event, debug ones included. Answers `sluice trace` without reading log files. Bounded in sessions
 * (the ones not heard of for longest go first), in events of each (the first third and the newest
 * two thirds stay) and in the length of each value. Never durable, never a record of anything.
 */
import type { Clock } from './clock.ts';
import type { EventName, Fields, Level } from './log.ts';

export interface TraceEvent {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly level: Level;
  readonly evt: EventName;
  readonly fields: Fields;
}

export interface Timeline {
  readonly sid: string;
  readonly events: readonly TraceEvent[];
  /** Events left out between the first and the newest ones. */
  readonly dropped: number;
}

export interface TraceBounds {
  readonly sessions: number;
  readonly eventsPerSession: number;
  /** Events of all sessions together: some 60 MiB when a client makes all of them large. */
  readonly events: number;
}

export const TRACE_BOUNDS: TraceBounds = { sessions: 2000, eventsPerSession: 200, events: 50_000 };

/** Longest text and longest list that an event keeps. */
const MAX_VALUE = 256;
const MAX_LIST = 50;

interface Session {
  readonly sid: string;
  readonly first: TraceEvent[];
  /** A ring once it is full: `next` is the place of the oldest. */
  readonly newest: TraceEvent[];
  next: number;
  dropped: number;
}

export class SessionTraces {
  readonly #clock: Clock;
  readonly #perGeneration: number;
  readonly #eventsPerGeneration: number;
  readonly #firstEvents: number;
  readonly #newestEvents: number;
  /** Two generations: what is heard of moves to the young one, the old one is dropped whole. */
  #young = new Map<string, Session>();
  #old = new Map<string, Session>();
  /** Events in the young one. */
  #youngEvents = 0;

  constructor(clock: Clock, bounds: TraceBounds = TRACE_BOUNDS) {
    this.#clock = clock;
    this.#perGeneration = Math.ceil(bounds.sessions / 2);
    this.#eventsPerGeneration = Math.ceil(bounds.events / 2);
    this.#firstEvents = Math.floor(bounds.eventsPerSession / 3);
    this.#newestEvents = bounds.eventsPerSession - this.#firstEvents;
  }

  /** Takes one event; those that belong to no session are not for here. */
  see(evt: EventName, level: Level, fields: Fields): void {
    const sid = sessionOf(fields);
    if (sid === undefined) return;
    const session = this.#touch(sid);
    this.#youngEvents += 1;
    const event = { at: this.#clock.now(), level, evt, fields: bounded(fields) };
    if (session.first.length < this.#firstEvents) session.first.push(event);
    else if (session.newest.length < this.#newestEvents) session.newest.push(event);
    else {
      this.#youngEvents -= 1;
      session.newest[session.next] = event;
      session.next = (session.next + 1) % this.#newestEvents;
      session.dropped += 1;
    }
  }

  /** The session with this id, or the one that the message with this id came in. */
  timeline(id: string): Timeline | undefined {
    const sid = id.split('.', 1)[0] ?? '';
    const session = this.#young.get(sid) ?? this.#old.get(sid);
    if (session === undefined) return undefined;
    const { events, dropped } = unrolled(session);
    if (sid === id) return { sid, events, dropped };
    if (!events.some(({ fields }) => fields['id'] === id)) return undefined;
    // What belongs to the session as a whole (connection, TLS) belongs to each of its messages.
    const own = events.filter(({ fields }) => (fields['id'] ?? id) === id);
    return { sid, events: own, dropped };
  }

  /** All sessions that are remembered, in no particular order. */
  *timelines(): Generator<Timeline> {
    for (const generation of [this.#young, this.#old]) {
      for (const session of generation.values()) yield { sid: session.sid, ...unrolled(session) };
    }
  }

  #touch(sid: string): Session {
    const young = this.#young.get(sid);
    if (young !== undefined) return young;
    const session = this.#old.get(sid) ?? { sid, first: [], newest: [], next: 0, dropped: 0 };
    if (this.#young.size >= this.#perGeneration || this.#youngEvents >= this.#eventsPerGeneration) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngEvents = 0;
    }
    this.#old.delete(sid);
    this.#young.set(sid, session);
    this.#youngEvents += session.first.length + session.newest.length;
    return session;
  }
}

function sessionOf(fields: Fields): string | undefined {
  const { sid, id } = fields as { sid?: unknown; id?: unknown };
  const text = typeof sid === 'string' ? sid : typeof id === 'string' ? id.split('.', 1)[0] : '';
  return text === undefined || text === '' || text.length > MAX_VALUE ? undefined : text;
}

function unrolled(session: Session): Omit<Timeline, 'sid'> {
  const { first, newest, next, dropped } = session;
  return { events: [...first, ...newest.slice(next), ...newest.slice(0, next)], dropped };
}

/** The fields as they are when all are small, which is nearly always; else a shortened copy. */
function bounded(fields: Fields): Fields {
  for (const name in fields) {
    if (isLarge(fields[name])) return shortened(fields);
  }
  return fields;
}

function isLarge(value: unknown): boolean {
  if (typeof value === 'string') return value.length > MAX_VALUE;
  if (Array.isArray(value)) return value.length > MAX_LIST || value.some(isLarge);
  return false;
}

function shortened(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, short(value)]));
}

function short(value: unknown): unknown {
  // Through bytes, for a slice of a string keeps the whole of it alive.
  if (typeof value === 'string') return Buffer.from(value.slice(0, MAX_VALUE)).toString();
  return Array.isArray(value) ? value.slice(0, MAX_LIST).map(short) : value;
}
