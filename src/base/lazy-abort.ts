/**
 * An end whose signal is made when somebody asks for it. Most ends come when nobody listens any more,
 * and to make an `AbortSignal` and abort it takes longer than all else that ends with it.
 */

/** As it is seen by those for whom it matters. */
export interface Ending {
  /** It has come. */
  readonly aborted: boolean;
  readonly signal: AbortSignal;
}

export class LazyAbort implements Ending {
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  get aborted(): boolean {
    return this.#reason !== undefined;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The first reason is the one that stands. */
  abort(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
