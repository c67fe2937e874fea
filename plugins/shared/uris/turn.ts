/** Long work in pieces, so that other mail goes on meanwhile and an aborted hook ends. */
import { setImmediate } from 'node:timers/promises';

const TURN_MS = 10;

export class Turn {
  readonly #signal: AbortSignal;
  #since = performance.now();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get isOver(): boolean {
    return performance.now() - this.#since > TURN_MS;
  }

  /** Lets others go first. Rejects when the signal has aborted. */
  async next(): Promise<void> {
    await setImmediate();
    this.#signal.throwIfAborted();
    this.#since = performance.now();
  }
}
