/**
 * What happened to recent sessions and their messages, in memory, fed by the log's `tap` with every
 * event, debug ones included. Answers `sluice trace` without reading log files. Bounded in sessions
 * (the ones not heard of for longest go first), in events of each (the first third and the newest
 * two thirds stay) and in the length of each value. Never durable, never a record of anything.
 */
import type { Clock } from './clock.ts';
import { boundedFields } from './bounded-fields.ts';
import { messageOf, sessionOf } from './ids.ts';
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

/** Longest id. */
const MAX_ID = 64;

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

  /** Takes one event and returns it, bounded; those that belong to no session are not for here. */
  see(evt: EventName, level: Level, fields: Fields): TraceEvent | undefined {
    const sid = sessionTold(fields);
    if (sid === undefined) return undefined;
    const session = this.#touch(sid);
    this.#youngEvents += 1;
    const event = { at: this.#clock.now(), level, evt, fields: boundedFields(fields) };
    if (session.first.length < this.#firstEvents) session.first.push(event);
    else if (session.newest.length < this.#newestEvents) session.newest.push(event);
    else {
      this.#youngEvents -= 1;
      session.newest[session.next] = event;
      session.next = (session.next + 1) % this.#newestEvents;
      session.dropped += 1;
    }
    return event;
  }

  /** The session with this id, or the message with all its parts and the session it came in. */
  timeline(wanted: string): Timeline | undefined {
    const id = messageOf(wanted);
    const sid = sessionOf(id);
    const session = this.#young.get(sid) ?? this.#old.get(sid);
    if (session === undefined) return undefined;
    const { events, dropped } = unrolled(session);
    if (sid === id) return { sid, events, dropped };
    const isOwn = ({ fields }: TraceEvent) => {
      const of = fields['id'];
      return typeof of === 'string' && messageOf(of) === id;
    };
    if (!events.some(isOwn)) return undefined;
    // What belongs to the session as a whole (connection, TLS) belongs to each of its messages.
    const own = events.filter((event) => event.fields['id'] === undefined || isOwn(event));
    return { sid, events: own, dropped };
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

function sessionTold(fields: Fields): string | undefined {
  const { sid, id } = fields as { sid?: unknown; id?: unknown };
  const text = typeof sid === 'string' ? sid : typeof id === 'string' ? sessionOf(id) : '';
  return text === undefined || text === '' || text.length > MAX_ID ? undefined : text;
}

function unrolled(session: Session): Omit<Timeline, 'sid'> {
  const { first, newest, next, dropped } = session;
  return { events: [...first, ...newest.slice(next), ...newest.slice(0, next)], dropped };
}
