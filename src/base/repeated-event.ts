/**
 * An event that may come with each message of a bad hour: told at once, then at most once a minute,
 * with how many there were since it was told last.
 */
import type { Clock } from './clock.ts';
import type { EventName, Fields, Log } from './log.ts';

const TELL_EVERY_MS = 60_000;

export class RepeatedEvent {
  readonly #evt: EventName;
  readonly #parts: { readonly clock: Clock; readonly log: Log };
  #toldAt = -Infinity;
  #count = 0;

  constructor(evt: EventName, parts: { readonly clock: Clock; readonly log: Log }) {
    this.#evt = evt;
    this.#parts = parts;
  }

  tell(fields: Fields, count = 1): void {
    const { clock, log } = this.#parts;
    this.#count += count;
    if (clock.mono() - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = clock.mono();
    log.emit(this.#evt, { ...fields, count: this.#count });
    this.#count = 0;
  }
}
