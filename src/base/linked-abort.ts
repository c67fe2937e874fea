/**
 * An end of one's own that comes with somebody else's too. `AbortSignal.any` does the same by weak
 * references, which cost many times what a listener does, and again when memory is collected.
 */
export class LinkedAbort {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #follow = () => this.abort(this.#outer?.reason as Error);

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer;
    if (outer?.aborted === true) this.#follow();
    else outer?.addEventListener('abort', this.#follow, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** What it was for is over: `outer` may live on for long. */
  release(): void {
    this.#outer?.removeEventListener('abort', this.#follow);
  }
}
