/**
 * An event that may come with each message of a bad hour: told at once, then at most once a minute,
 * with how many there were since it was told last. The last of them are told too, when the minute is
 * over or at `stop`.
 */
import type { Clock, Timer } from './clock.ts';
import type { EventName, Fields, Log } from './log.ts';

const TELL_EVERY_MS = 60_000;

export class RepeatedEvent {
  readonly #evt: EventName;
  readonly #parts: { readonly clock: Clock; readonly log: Log };
  /** Runs for a minute after each line. */
  #timer: Timer | undefined;
  #untold: { readonly fields: Fields; readonly count: number } | undefined;
  #isStopped = false;

  constructor(evt: EventName, parts: { readonly clock: Clock; readonly log: Log }) {
    this.#evt = evt;
    this.#parts = parts;
  }

  tell(fields: Fields, count = 1): void {
    this.#untold = { fields, count: (this.#untold?.count ?? 0) + count };
    if (this.#timer === undefined) this.#say();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.stop();
    this.#say();
  }

  #say(): void {
    this.#timer = undefined;
    if (this.#untold === undefined) return;
    const { fields, count } = this.#untold;
    this.#untold = undefined;
    this.#parts.log.emit(this.#evt, { ...fields, count });
    if (this.#isStopped) return;
    this.#timer = this.#parts.clock.timer(TELL_EVERY_MS, () => this.#say());
  }
}
