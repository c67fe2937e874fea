/** The trace over records in memory: events in, rows and time lines out, as in the gateway. */
import type { Clock } from '../../src/base/clock.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { EventName, Fields, Level } from '../../src/base/log.ts';
import { LEVEL_OF } from '../../src/base/log.ts';
import { SessionTraces } from '../../src/base/session-traces.ts';
import { Collector } from '../../src/records/collector.ts';
import type { TraceQuery } from '../../src/records/trace-query.ts';
import { TraceBook } from '../../src/records/trace-book.ts';
import type { RecordSegment } from '../../src/store/record-store.ts';
import { MemoryRecords } from '../../src/store/memory/record-store.ts';

export class MemoryTrace {
  readonly store = new MemoryRecords();
  readonly segments: RecordSegment[] = [];
  readonly book: TraceBook;
  /** As `see` of the log's tap; `kept` is for the records only. */
  readonly #traces: SessionTraces;
  readonly #collector: Collector;
  #written = 0;

  constructor(clock: Clock = systemClock) {
    this.#traces = new SessionTraces(clock);
    this.#collector = new Collector({ clock, take: (segment) => this.segments.push(segment) });
    this.book = new TraceBook({
      traces: this.#traces,
      flush: () => this.flush(),
      pseudonyms: () => undefined,
    });
  }

  see(evt: EventName, given: Fields, level: Level = LEVEL_OF[evt]): void {
    const { kept, ...fields } = given;
    const event = this.#traces.see(evt, level, fields);
    if (event !== undefined) this.#collector.see(event, kept);
  }

  async flush(): Promise<MemoryRecords> {
    this.#collector.flush();
    const news = this.segments.slice(this.#written);
    this.#written = this.segments.length;
    await this.store.append(news);
    return this.store;
  }

  /** Nothing is remembered but the records, as after a restart. */
  forget(): void {
    this.#collector.stop();
  }

  async ids(query: Partial<TraceQuery>): Promise<string[]> {
    const { rows } = await this.book.search({ limit: 100, ...query });
    return rows.map(({ id }) => id);
  }
}
