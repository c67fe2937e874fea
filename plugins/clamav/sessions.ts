/**
 * The sessions with clamd that are at rest, by address: a command takes one of them, or opens one, and
 * leaves it for the next when it ended well. As many are open as commands were under way at a time,
 * and each closes after some seconds without one. A session that clamd closed while it was at rest
 * costs nothing but a new connection.
 */
import type { Endpoint } from 'sluice-mx/plugin';
import type { Command, Reply } from './session.ts';
import { formatEndpoint } from '../shared/words.ts';
import { Session } from './session.ts';

export class Sessions {
  readonly #resting = new Map<string, Session[]>();

  async ask(endpoint: Endpoint, signal: AbortSignal, command: Command): Promise<Reply> {
    const name = formatEndpoint(endpoint);
    const rested = this.#resting.get(name)?.pop();
    if (rested !== undefined) {
      try {
        return await this.#askOn(name, rested, signal, command);
      } catch (error) {
        if (signal.aborted || !rested.isUnanswered) throw error;
      }
    }
    signal.throwIfAborted();
    const session = new Session(endpoint, () => this.#forget(name, session));
    return this.#askOn(name, session, signal, command);
  }

  async #askOn(
    name: string,
    session: Session,
    signal: AbortSignal,
    command: Command,
  ): Promise<Reply> {
    const reply = await session.ask(signal, command);
    if (session.isOpen) {
      const resting = this.#resting.get(name);
      if (resting === undefined) this.#resting.set(name, [session]);
      else resting.push(session);
    }
    return reply;
  }

  #forget(name: string, session: Session): void {
    const resting = this.#resting.get(name);
    if (resting === undefined) return;
    const others = resting.filter((other) => other !== session);
    if (others.length === 0) this.#resting.delete(name);
    else this.#resting.set(name, others);
  }
}
