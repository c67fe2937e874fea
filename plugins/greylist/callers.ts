/** Who sent what has not been delivered yet, by message id: bounded, the oldest makes room. */
import type { Caller } from './organisations.ts';

/** More than any gateway has transactions open; what waits longer in a queue teaches nothing. */
const MAX_OPEN = 10_000;

export class Callers {
  readonly #open = new Map<string, Caller>();

  note(id: string, caller: Caller): void {
    const [oldest] = this.#open.size < MAX_OPEN ? [] : this.#open.keys();
    if (oldest !== undefined) this.#open.delete(oldest);
    this.#open.set(id, caller);
  }

  take(id: string): Caller | undefined {
    const caller = this.#open.get(id);
    this.#open.delete(id);
    return caller;
  }
}
