/**
 * The time of a session: a deadline for one kind of wait at a time, which to put off costs no timer.
 * Once stopped it never starts again. How long the session has brought no message needs no timer: it
 * is asked about at each command.
 */
import type { Clock } from '../base/clock.ts';
import { MovingDeadline } from '../base/moving-deadline.ts';
import type { SessionTimeouts } from './session-settings.ts';

export type Wait = Exclude<keyof SessionTimeouts, 'contentInAll' | 'fruitless'>;

export class SessionTimer {
  readonly #clock: Clock;
  readonly #timeouts: SessionTimeouts;
  readonly #deadline: MovingDeadline;
  #wait: Wait;
  #fruitlessAt: number;
  #commandAt: number;
  #isStopped = false;

  constructor(
    clock: Clock,
    timeouts: SessionTimeouts,
    wait: Wait,
    onTimeout: (wait: Wait) => void,
  ) {
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#wait = wait;
    this.#deadline = new MovingDeadline(clock, () => onTimeout(this.#wait));
    const now = clock.mono();
    this.#commandAt = now;
    this.#fruitlessAt = now + timeouts.fruitless;
    // Its timer looks early, so that the shorter wait for content, which will come, needs none anew.
    this.#deadline.set(Math.min(timeouts[wait], timeouts.content), now);
    this.arm(wait, now);
  }

  /** From here on the session has its full time once more. */
  messageTaken(): void {
    this.#fruitlessAt = this.#clock.mono() + this.#timeouts.fruitless;
  }
  /** A whole command has come, which earns the full time for the next; false when all time is over. */
  begin(): boolean {
    const now = this.#clock.mono();
    this.#commandAt = now;
    if (now > this.#fruitlessAt) return false;
    this.arm(this.#wait, now);
    return true;
  }
  /** Since the last command, or since content came that began then, in milliseconds. */
  sinceCommand(): number {
    return this.#clock.mono() - this.#commandAt;
  }

  /** Watches `wait`, by default the same as before, for its full time from now on. */
  arm(wait = this.#wait, now = this.#clock.mono()): void {
    if (this.#isStopped) return;
    this.#wait = wait;
    this.#deadline.set(this.#timeouts[wait], now);
  }

  stop(): void {
    this.#isStopped = true;
    this.#deadline.stop();
  }
}
