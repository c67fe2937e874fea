/**
 * The way to the servers of one LDAP directory: one connection, opened when it is needed, to the
 * first server that takes it; the questions of all sessions go over it side by side. A server that
 * fails is left for the next one, and comes first again after a while. When none answers, whoever
 * asks is told so at once for a moment, instead of each waiting for all of them.
 */
import { ResultCodeError } from 'ldapts';
import type { Clock } from '../../base/clock.ts';
import { CodedError } from '../../base/errors.ts';
import { ldapFaultText } from './fault-words.ts';
import { filterForAnybody } from './filter.ts';
import type { Found } from './connection.ts';
import { LdapConnection } from './connection.ts';
import type { LdapSource } from './source.ts';

/** Questions under way; a server answers thousands in a second. */
const MAX_PENDING = 500;
/** After all servers failed. */
const RETRY_MS = 1000;
/** How long a connection to a server that is not the first one lasts. */
const RETURN_MS = 5 * 60_000;
/** Firewalls forget quiet connections without a word. */
const IDLE_MS = 60_000;
/**
 * Answers that speak of the question, not of the server: no such object, inappropriate matching,
 * insufficient rights, a limit on time or effort, busy, unwilling to perform, and the like (RFC 4511 4.1.9).
 * Whoever may choose the question must not close a connection by it that others ask over.
 */
const OF_THE_QUESTION: ReadonlySet<number> = new Set([
  ...[3, 4, 11, 16, 17, 18, 21, 32, 33, 34, 36, 50, 51, 53],
]);

export class LdapLink {
  readonly #clock: Clock;
  #connection: LdapConnection | undefined;
  #opening: Promise<LdapConnection> | undefined;
  /** Where the next connection is tried first. */
  #next = 0;
  #failure: { readonly at: number; readonly error: unknown } | undefined;
  #pending = 0;
  #usedAt: number;
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#usedAt = clock.mono();
  }

  get isFull(): boolean {
    return this.#pending >= MAX_PENDING;
  }

  /**
   * Whether there is an entry. Rejects when no server says so clearly (`isOfTheQuestion`). A question
   * of our own is one that any server can answer: where one does not, the next one is asked.
   */
  async find(source: LdapSource, filter: string, by: 'client' | 'us'): Promise<Found> {
    if (this.isFull) throw new CodedError('LIMIT', 'too many questions at once');
    this.#pending += 1;
    try {
      return await this.#ask(source, filter, by, 1);
    } finally {
      this.#pending -= 1;
      this.#usedAt = this.#clock.mono();
    }
  }

  /** Lets go of a connection that nobody needs now. */
  rest(): void {
    if (this.#pending === 0 && this.#clock.mono() - this.#usedAt >= IDLE_MS) this.#drop();
  }

  stop(): void {
    this.#isStopped = true;
    this.#drop();
  }

  async #ask(
    source: LdapSource,
    filter: string,
    by: 'client' | 'us',
    attempt: 1 | 2,
  ): Promise<Found> {
    const connection = await this.#ready(source);
    try {
      await prove(connection, source);
      return await connection.find(source.base, filter);
    } catch (error) {
      if (by === 'client' && isOfTheQuestion(error)) throw error;
      this.#leave(connection, source);
      if (attempt === 2) throw error;
      return this.#ask(source, filter, by, 2);
    }
  }

  async #ready(source: LdapSource): Promise<LdapConnection> {
    const now = this.#clock.mono();
    const connection = this.#connection;
    if (connection?.isOpen === true) {
      const isFirst = connection.server === source.servers[0];
      if (isFirst || this.#pending > 1 || now - connection.openedAt < RETURN_MS) return connection;
      this.#next = 0;
      this.#drop();
    }
    if (this.#failure !== undefined && now - this.#failure.at < RETRY_MS) throw this.#failure.error;
    this.#opening ??= this.#open(source).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(source: LdapSource): Promise<LdapConnection> {
    const { servers } = source;
    const faults: string[] = [];
    for (let step = 0; step < servers.length; step++) {
      const index = (this.#next + step) % servers.length;
      const server = servers[index];
      if (server === undefined || this.#isStopped) break;
      // What keeps one server from being of use is told when none of them is.
      try {
        const connection = await LdapConnection.open(this.#clock, server, source);
        if (this.#isStopped) connection.close();
        this.#next = index;
        this.#failure = undefined;
        this.#connection = connection;
        return connection;
      } catch (error) {
        faults.push(`${server.url}: ${ldapFaultText(error)}`);
      }
    }
    this.#next = 0;
    const error = new CodedError('CONNECT_FAILED', faults.join('; '));
    this.#failure = { at: this.#clock.mono(), error };
    throw error;
  }

  #leave(connection: LdapConnection, { servers }: LdapSource): void {
    connection.close();
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#next = (servers.indexOf(connection.server) + 1) % servers.length;
  }

  #drop(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }
}

/**
 * The server is there: it, or we, only gave no clear answer to this question. Whether others would
 * fare better is not known by that.
 */
export function isOfTheQuestion(error: unknown): boolean {
  if (error instanceof ResultCodeError) return OF_THE_QUESTION.has(error.code);
  return error instanceof CodedError && error.code === 'LIMIT';
}

/**
 * Where a bind has no rights to see people, or the base is another one, a search is answered with
 * nothing, as for somebody who is not there. Only who sees anybody at all is believed.
 */
async function prove(connection: LdapConnection, { key, base, filter }: LdapSource): Promise<void> {
  if (connection.proven.has(key)) return;
  const { isThere } = await connection.find(base, filterForAnybody(filter), 'one');
  if (!isThere) throw new CodedError('LIMIT', 'the filter finds nobody at all below the base');
  connection.proven.add(key);
}
