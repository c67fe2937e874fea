/**
 * Looks over something again and again, never twice at a time: soon when somebody asks for it, later
 * as long as a look says that something is left. What goes wrong is handed on, and looked at again.
 */
import type { Clock, Timer } from '../base/clock.ts';

export interface RoundsOptions {
  /** Says whether something is left for a later look. The signal aborts when nobody wants it any more. */
  readonly look: (signal: AbortSignal) => Promise<boolean>;
  /** After a start, when it is not known what waits. */
  readonly firstMs: number;
  /** After somebody asked. */
  readonly soonMs: number;
  /** While something is left. */
  readonly againMs: number;
  readonly clock: Clock;
  /** A look was rejected. */
  readonly onFault: (error: unknown) => void;
}

export class Rounds {
  readonly #options: RoundsOptions;
  readonly #stopped = new AbortController();
  #timer: Timer | undefined;
  #round: Promise<void> | undefined;
  /** Somebody asked for a look during a round. */
  #isWanted = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#in(this.#options.firstMs);
  }

  soon(): void {
    this.#isWanted = true;
    if (this.#round === undefined) this.#in(this.#options.soonMs);
  }

  /** Resolves when a look that is under way has come to its end. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#timer?.stop();
    await this.#round;
  }

  #in(ms: number): void {
    this.#timer?.stop();
    if (this.#stopped.signal.aborted) return;
    this.#timer = this.#options.clock.timer(ms, () => {
      this.#round = this.#make();
    });
  }

  async #make(): Promise<void> {
    const { look, soonMs, againMs, onFault } = this.#options;
    this.#isWanted = false;
    const isLeft = await look(this.#stopped.signal).catch((error: unknown) => {
      onFault(error);
      return true;
    });
    this.#round = undefined;
    if (this.#isWanted) this.#in(soonMs);
    else if (isLeft) this.#in(againMs);
  }
}
