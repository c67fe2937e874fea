/**
 * What waits for the end of this turn of the event loop, of many at once: one immediate of the system
 * serves all of them.
 */
export interface Flushing {
  /** Does not throw. */
  flush(): void;
}

export class TurnEnd {
  #due: Flushing[] = [];
  readonly #run = (): void => {
    const due = this.#due;
    this.#due = [];
    for (const one of due) one.flush();
  };

  /** Flushes it when all input at hand was worked off. */
  add(one: Flushing): void {
    if (this.#due.push(one) === 1) setImmediate(this.#run);
  }
}
