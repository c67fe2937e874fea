/**
 * The time of a session. Its one timer watches one kind of wait at a time and starts anew when it is
 * armed again; only a change of kind costs a new timer. Once stopped it never starts again. How long
 * the session has brought no message needs no timer: it is asked about at each command.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { SessionTimeouts } from './session-settings.ts';

export type Wait = Exclude<keyof SessionTimeouts, 'contentInAll' | 'fruitless'>;

export class SessionTimer {
  readonly #clock: Clock;
  readonly #timeouts: SessionTimeouts;
  readonly #onTimeout: (wait: Wait) => void;
  #wait: Wait;
  #fruitlessAt = 0;
  #commandAt = 0;
  /** Absent once it was stopped. */
  #timer: Timer | undefined;

  constructor(
    clock: Clock,
    timeouts: SessionTimeouts,
    wait: Wait,
    onTimeout: (wait: Wait) => void,
  ) {
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#onTimeout = onTimeout;
    this.#wait = wait;
    this.#timer = this.#newTimer();
    this.messageTaken();
  }

  /** From here on the session has its full time once more. */
  messageTaken(): void {
    this.#fruitlessAt = this.#clock.mono() + this.#timeouts.fruitless;
  }
  /** A command begins; false when the time without a message is over. */
  begin(): boolean {
    this.#commandAt = this.#clock.mono();
    return this.#commandAt <= this.#fruitlessAt;
  }
  /** Since the last command, or since content came that began then, in milliseconds. */
  sinceCommand(): number {
    return this.#clock.mono() - this.#commandAt;
  }

  /** Watches `wait`, by default the same as before, for its full time. */
  arm(wait = this.#wait): void {
    if (this.#timer === undefined) return;
    if (wait === this.#wait) {
      this.#timer.restart();
      return;
    }
    this.#timer.stop();
    this.#wait = wait;
    this.#timer = this.#newTimer();
  }

  stop(): void {
    this.#timer?.stop();
    this.#timer = undefined;
  }

  #newTimer(): Timer {
    return this.#clock.timer(this.#timeouts[this.#wait], () => this.#onTimeout(this.#wait));
  }
}
