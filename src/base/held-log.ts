/**
 * A log that waits: lines are kept until it is known that this process may write to the log, then go
 * there in their order. A gateway that finds its data folder in use must leave the log of the one that
 * runs alone. Keeps a bounded number of lines; what comes beyond it is dropped.
 */
import type { LogSink } from './log.ts';

/** Far more than a start has to say before its store is open. */
const MAX_LINES = 10_000;

export class HeldLog {
  readonly #sink: LogSink;
  #waiting: string[] | undefined = [];

  constructor(sink: LogSink) {
    this.#sink = sink;
  }

  write(line: string): void {
    if (this.#waiting === undefined) this.#sink.write(line);
    else if (this.#waiting.length < MAX_LINES) this.#waiting.push(line);
  }

  /** From now on lines are written at once. */
  release(): void {
    for (const line of this.#waiting ?? []) this.#sink.write(line);
    this.#waiting = undefined;
  }

  get dropped(): number {
    return this.#sink.dropped ?? 0;
  }

  reopen(): void {
    this.#sink.reopen?.();
  }
}
