/**
 * Live events for `sluice tail`: everybody who is subscribed sees each event of the log as it
 * happens. Costs nothing while nobody looks. A subscriber must not throw and must not wait; the
 * number of subscribers is bounded.
 */
import type { Clock } from '../base/clock.ts';
import type { EventName, Fields, Level } from '../base/log.ts';
import type { TraceEvent } from '../base/session-traces.ts';

export type FeedReader = (event: TraceEvent) => void;

const MAX_SUBSCRIBERS = 32;

export class LiveFeed {
  readonly #clock: Clock;
  readonly #readers = new Set<FeedReader>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  publish(evt: EventName, level: Level, fields: Fields): void {
    if (this.#readers.size === 0) return;
    const event = { at: this.#clock.now(), level, evt, fields };
    for (const reader of this.#readers) reader(event);
  }

  /** Returns the way out, or undefined when there are too many readers already. */
  subscribe(reader: FeedReader): (() => void) | undefined {
    if (this.#readers.size >= MAX_SUBSCRIBERS) return undefined;
    this.#readers.add(reader);
    return () => {
      this.#readers.delete(reader);
    };
  }
}
