/**
 * How long a relay may go on while its client waits for the answer. Who has waited ten minutes (RFC
 * 5321 4.5.3.2.6) leaves and comes again with the same message. So up to the final dot a relay is
 * broken off when its client has left, or when it takes so long that he soon would; behind the dot
 * only the destination's word counts.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';

/** With the filters before it and the wait for the final reply behind it, less than the client's time. */
const RELAY_MS = 5 * 60_000;

export class RelayTime {
  readonly #client: AbortSignal;
  readonly #relay = new AbortController();
  readonly #timer: Timer;
  #isFinal = false;

  /** `client` aborts when the client has left. */
  constructor(clock: Clock, client: AbortSignal) {
    this.#client = client;
    this.#timer = clock.timer(RELAY_MS, () =>
      this.#relay.abort(new CodedError('DEADLINE', 'too slow for a client that waits')),
    );
    client.addEventListener('abort', this.#left, { once: true });
    if (client.aborted) this.#left();
  }

  /** Aborts the relay. */
  get signal(): AbortSignal {
    return this.#relay.signal;
  }

  /** Asked right before the final dot: from there on nothing is broken off. */
  readonly mayFinish = (): boolean => {
    if (this.signal.aborted) return false;
    this.#isFinal = true;
    this.stop();
    return true;
  };

  /** The client has left, and nobody has its message. */
  get isLeft(): boolean {
    return this.#client.aborted && !this.#isFinal;
  }

  stop(): void {
    this.#timer.stop();
    this.#client.removeEventListener('abort', this.#left);
  }

  readonly #left = (): void => this.#relay.abort(this.#client.reason);
}
