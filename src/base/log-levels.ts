/**
 * Which events are written: those of the configured level, and for a while more, of all clients or of
 * one network. What belongs to a client's session without naming his address is known by the
 * session's id, so that a message is followed beyond its client's end.
 */
import type { Clock } from './clock.ts';
import { sessionOf } from './ids.ts';

export const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type Level = (typeof LEVELS)[number];

/** More than is written otherwise, for a while. */
export interface Focus {
  readonly level: Level;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** Of clients with these addresses alone. */
  readonly clients?: { readonly text: string; readonly includes: (address: string) => boolean };
}

/** What an event says of whose it is. */
interface Whose {
  readonly ip?: string;
  readonly sid?: unknown;
  readonly id?: unknown;
}

const RANK: Readonly<Record<Level, number>> = {
  ...{ fatal: 0, error: 1, warn: 2, info: 3, debug: 4, trace: 5 },
};
/** Of clients in focus; older ones are forgotten first. */
const MAX_SESSIONS = 1000;

export class LogLevels {
  readonly #clock: Clock;
  /** That of the configuration. */
  level: Level;
  #focus: Focus | undefined;
  /** Sessions of the clients in focus. */
  readonly #sessions = new Set<string>();

  constructor(clock: Clock, level: Level) {
    this.#clock = clock;
    this.level = level;
  }

  /** What is written besides now. */
  get focus(): Focus | undefined {
    if (this.#focus !== undefined && this.#clock.now() >= this.#focus.until) this.set(undefined);
    return this.#focus;
  }

  /** In place of the one before. */
  set(focus: Focus | undefined): void {
    this.#focus = focus;
    this.#sessions.clear();
  }

  admits(level: Level, whose: Whose): boolean {
    if (RANK[level] <= RANK[this.level]) return true;
    const { focus } = this;
    if (focus === undefined) return false;
    return RANK[level] <= RANK[focus.level] && this.#isInFocus(focus, whose);
  }

  #isInFocus({ clients }: Focus, { ip, sid, id }: Whose): boolean {
    if (clients === undefined) return true;
    const session = typeof sid === 'string' ? sid : typeof id === 'string' ? sessionOf(id) : '';
    if (session !== undefined && this.#sessions.has(session)) return true;
    if (ip === undefined || !clients.includes(ip)) return false;
    if (session !== undefined && session !== '') this.#keep(session);
    return true;
  }

  #keep(session: string): void {
    const oldest = this.#sessions.size < MAX_SESSIONS ? undefined : this.#sessions.values().next();
    if (oldest?.value !== undefined) this.#sessions.delete(oldest.value);
    this.#sessions.add(session);
  }
}
