/**
 * A log that warns of a lack of room once, then once a minute with the number, not for each message.
 * Of each message it is an event all the same, at the level debug: for counts and for its trace.
 */
import type { Clock } from './clock.ts';
import type { EventName, Fields, Level, Log } from './log.ts';
import { RepeatedEvent } from './repeated-event.ts';

export class CalmLog implements Log {
  readonly #inner: Log;
  readonly #full: RepeatedEvent;

  constructor(inner: Log, clock: Clock) {
    this.#inner = inner;
    this.#full = new RepeatedEvent('store.full', { clock, log: inner });
  }

  emit(evt: EventName, fields: Fields = {}, level?: Level): void {
    if (evt !== 'store.full') {
      this.#inner.emit(evt, fields, level);
      return;
    }
    const { id, err, free, min, msg } = fields;
    if (id !== undefined) this.#inner.emit(evt, fields, 'debug');
    this.#full.tell({ err, free, min, ...(msg !== undefined && { msg }) });
  }

  enabled(level: Level, ip: string): boolean {
    return this.#inner.enabled(level, ip);
  }

  /** Tells what has not been told yet. */
  stop(): void {
    this.#full.stop();
  }
}
