/**
 * Gathers events into segments of records: one record for each transaction and each report of ours,
 * one for each session that was turned away or broke off before it came to that. Part of the log's
 * `tap`, so that log and records cannot tell different stories; it must be cheap and never throws.
 * What a session is about (connection, TLS) goes along with its first message.
 *
 * A segment is made when its message has been answered, or has not been for a while; whoever opens a
 * session and says nothing costs nothing but what is remembered here of open sessions.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf, parseMessageId } from '../base/ids.ts';
import type { EventName, Fields } from '../base/log.ts';
import type { TraceEvent } from '../base/session-traces.ts';
import type { RecordSegment } from '../store/record-store.ts';
import { segmentOf } from './segment.ts';

/** What is over is written so soon: there is never much to be done at once. */
const OVER_MS = 100;
/**
 * A message that has not been answered for so long is written as far as it is known. It is looked at as
 * seldom, for each look wakes a process that waits for a scanner.
 */
const UNANSWERED_MS = 1000;
/** Events of one message between two ticks, and of a session as a whole. */
const MAX_EVENTS = 1000;
const MAX_SESSION_EVENTS = 50;
/** Sessions that are remembered beyond all limits of listeners; more are not recorded. */
const MAX_SESSIONS = 200_000;
const SID = /^[0-9A-HJKMNP-TV-Z]{10}$/;
/** What a session begins with; any other event of an unknown one is news of an old message. */
const OPENING: ReadonlySet<EventName> = new Set(['smtp.open', 'smtp.reject.conn', 'dsn.out']);
interface Pending {
  readonly events: TraceEvent[];
  readonly since: number;
  dropped: number;
  isAnswered: boolean;
}

interface Session {
  readonly sid: string;
  /** Not written yet. */
  common: TraceEvent[];
  readonly messages: Map<string, Pending>;
  /** Messages of which something has been written. */
  readonly written: Set<string>;
  /** `late`: known of before, by the process before this one or longer ago than it remembers. */
  state: 'open' | 'closed' | 'late';
}

export interface CollectorOptions {
  readonly clock: Clock;
  readonly take: (segment: RecordSegment) => void;
}

export class Collector {
  readonly #clock: Clock;
  readonly #take: CollectorOptions['take'];
  readonly #sessions = new Map<string, Session>();
  /** Those of which something is to be written. */
  readonly #news = new Set<Session>();
  #timer: Timer | undefined;
  /** When it looks next, by the monotonic clock, and how long that was then. */
  #dueAt = Infinity;
  #waitMs = Infinity;

  constructor({ clock, take }: CollectorOptions) {
    this.#clock = clock;
    this.#take = take;
  }

  /** Takes one event, bounded already, and what of it is for the record alone. */
  see(event: TraceEvent, kept?: Fields['kept']): void {
    const { sid: ofSession, id } = event.fields as { sid?: unknown; id?: unknown };
    const isMessage = typeof id === 'string';
    const sid = ofSession ?? (isMessage ? id.slice(0, Math.max(id.indexOf('.'), 0)) : undefined);
    if (typeof sid !== 'string') return;
    const session = this.#sessions.get(sid) ?? this.#begin(sid, event.evt);
    if (session === undefined) return;
    const whole = kept === undefined ? event : { ...event, fields: { ...event.fields, ...kept } };
    if (!isMessage) this.#addToSession(session, whole);
    else if (!this.#addToMessage(session, messageOf(id), whole)) return;
    if (session.messages.size === 0 && session.state === 'open') return;
    this.#news.add(session);
    const isOver = event.evt === 'msg.in' || session.state !== 'open';
    this.#lookIn(isOver ? OVER_MS : UNANSWERED_MS);
  }

  /** Everything that is known goes out now, answered or not. */
  flush(): void {
    this.#write(true);
  }

  /** Also what is kept back of open sessions. */
  stop(): void {
    this.#timer?.stop();
    for (const session of this.#sessions.values()) {
      if (session.state === 'open') session.state = 'closed';
      this.#news.add(session);
    }
    this.#write(true);
  }

  #begin(sid: string, evt: EventName): Session | undefined {
    if (!SID.test(sid) || this.#sessions.size >= MAX_SESSIONS) return undefined;
    const session: Session = {
      sid,
      common: [],
      messages: new Map(),
      written: new Set(),
      state: OPENING.has(evt) ? 'open' : 'late',
    };
    // These have no end of their own.
    if (evt === 'dsn.out' || evt === 'smtp.reject.conn') session.state = 'closed';
    this.#sessions.set(sid, session);
    return session;
  }

  /** False when the id is none of this session's. */
  #addToMessage(session: Session, id: string, event: TraceEvent): boolean {
    let pending = session.messages.get(id);
    if (pending === undefined) {
      if (!id.startsWith(session.sid) || parseMessageId(id) === undefined) return false;
      pending = { events: [], since: event.at, dropped: 0, isAnswered: false };
      session.messages.set(id, pending);
    }
    if (event.evt === 'msg.in' || session.state !== 'open') pending.isAnswered = true;
    if (pending.events.length < MAX_EVENTS || event.evt.startsWith('msg.')) {
      pending.events.push(event);
    } else pending.dropped += 1;
    return true;
  }

  #addToSession(session: Session, event: TraceEvent): void {
    // How a session ended is only told when it ended badly, by an event before this one.
    if (event.evt === 'smtp.close') session.state = 'closed';
    else if (session.common.length < MAX_SESSION_EVENTS) session.common.push(event);
  }

  /** Never later than it would be anyway. */
  #lookIn(ms: number): void {
    // Began earlier and is no longer: most events need not ask what time it is.
    if (ms >= this.#waitMs) return;
    const dueAt = this.#clock.mono() + ms;
    if (dueAt >= this.#dueAt) return;
    this.#timer?.stop();
    this.#dueAt = dueAt;
    this.#waitMs = ms;
    this.#timer = this.#clock.timer(ms, () => this.#look());
  }

  #look(): void {
    this.#dueAt = Infinity;
    this.#waitMs = Infinity;
    this.#write(false);
    if (this.#news.size > 0) this.#lookIn(UNANSWERED_MS);
  }

  #write(all: boolean): void {
    const now = this.#clock.now();
    for (const session of this.#news) {
      for (const [id, pending] of session.messages) {
        const isDue = all || pending.isAnswered || session.state !== 'open';
        if (!isDue && now - pending.since < UNANSWERED_MS) continue;
        session.messages.delete(id);
        this.#takeMessage(session, id, pending);
      }
      if (session.messages.size > 0) continue;
      this.#news.delete(session);
      if (session.state === 'open') continue;
      this.#takeSession(session);
      this.#sessions.delete(session.sid);
    }
  }

  #takeMessage(session: Session, id: string, { events, dropped }: Pending): void {
    const isLater = session.state === 'late' || session.written.has(id);
    session.written.add(id);
    const { common } = session;
    if (common.length > 0) session.common = [];
    this.#take(segmentOf(id, { session: common, own: events, dropped, isLater }));
  }

  /** A session has a record of its own when something happened to it that is no message's. */
  #takeSession({ sid, common, written, state }: Session): void {
    if (!common.some(({ level }) => level !== 'debug' && level !== 'trace')) return;
    // What ended a session of messages belongs to them, and is nothing to be found by itself.
    const [session, own] = written.size === 0 ? [[], common] : [common, []];
    this.#take(segmentOf(sid, { session, own, dropped: 0, isLater: state === 'late' }));
  }
}
