/**
 * The records put together: what gathers events, what waits to be written, the store, its upkeep and
 * the trace that is searched. Sees events from the first moment of the process; what happens before
 * the store is open waits. Nothing that fails here concerns mail.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FolderRoom, hasFewFiles } from '../base/disk-room.ts';
import type { DiskRoom } from '../base/disk-room.ts';
import type { Clock } from '../base/clock.ts';
import type { Fields, Log } from '../base/log.ts';
import type { RecordLevels } from '../base/metric-levels.ts';
import type { SessionTraces, TraceEvent } from '../base/session-traces.ts';
import type { Config } from '../config/config.ts';
import { Collector } from '../records/collector.ts';
import { Outbox } from '../records/outbox.ts';
import { PseudonymKeys } from '../records/pseudonym-keys.ts';
import type { Trace } from '../records/trace-book.ts';
import { TraceBook } from '../records/trace-book.ts';
import { Upkeep } from '../records/upkeep.ts';
import { openLevelRecords } from '../store/leveldb/record-store.ts';
import type { RecordStore } from '../store/record-store.ts';

export class RecordKeeping {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #outbox: Outbox;
  readonly #collector: Collector;
  #upkeep: Upkeep | undefined;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
    this.#outbox = new Outbox({ clock, log });
    this.#collector = new Collector({ clock, take: (segment) => this.#outbox.push(segment) });
  }

  see(event: TraceEvent, kept: Fields['kept']): void {
    this.#collector.see(event, kept);
  }

  /** Opens `<data>/records` in the background: mail does not wait for it, whatever it says. */
  start(data: string, config: () => Config): void {
    const folder = join(data, 'records');
    const open = async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const store = await openLevelRecords({
        folder,
        clock: this.#clock,
        onDamage: (day, text) => this.#log.emit('records.damaged', { day, text }),
      });
      try {
        await this.#keep(folder, store, config);
        return store;
      } catch (error) {
        await store.close();
        throw error;
      }
    };
    this.#outbox.start(open, (segment) => this.#upkeep?.formed(segment) ?? segment);
  }

  trace(traces: Pick<SessionTraces, 'timeline'>): Trace {
    return new TraceBook({
      traces,
      flush: () => this.#flush(),
      pseudonyms: (day) => this.#upkeep?.pseudonyms(day),
    });
  }

  counts(): RecordLevels {
    const { bytes, days } = this.#upkeep?.levels ?? { bytes: 0, days: 0 };
    return { ...this.#outbox.counts, bytes, days };
  }

  async stop(): Promise<void> {
    this.#collector.stop();
    await this.#upkeep?.stop();
    await this.#outbox.stop();
  }

  /** The upkeep lives on when the store is opened anew. */
  async #keep(folder: string, store: RecordStore, config: () => Config): Promise<void> {
    if (this.#upkeep !== undefined) return;
    const room = new FolderRoom(folder, this.#clock);
    const upkeep = new Upkeep({
      clock: this.#clock,
      log: this.#log,
      outbox: this.#outbox,
      keys: await PseudonymKeys.open(folder),
      policy: () => config().records,
      isDiskLow: async () => isLow(await room.look(), config()),
    });
    await upkeep.learn(store);
    this.#upkeep = upkeep;
    upkeep.start();
  }

  #flush(): Promise<RecordStore> {
    this.#collector.flush();
    return this.#outbox.flush();
  }
}

function isLow(room: DiskRoom | undefined, { limits }: Config): boolean {
  return room !== undefined && (room.freeBytes < limits.minFreeSpaceBytes || hasFewFiles(room));
}
