/**
 * Log lines of one turn of the event loop leave in one write: under load the call costs more than the
 * lines. Lines wait no longer than the turn in which they were said, which every reply to a client in
 * it leaves at the same time; the end of the process writes what is left.
 */
import type { LogSink } from './log.ts';

/** A turn that has more to say writes more than once. In characters. */
const MAX_WAITING = 64 * 1024;

export class JoinedLines implements LogSink {
  readonly #sink: LogSink;
  #waiting = '';

  constructor(sink: LogSink) {
    this.#sink = sink;
    process.once('exit', () => this.#flush());
  }

  write(line: string): void {
    if (this.#waiting === '') setImmediate(() => this.#flush());
    this.#waiting += line;
    if (this.#waiting.length >= MAX_WAITING) this.#flush();
  }

  get dropped(): number {
    return this.#sink.dropped ?? 0;
  }

  reopen(): void {
    this.#flush();
    this.#sink.reopen?.();
  }

  #flush(): void {
    const lines = this.#waiting;
    if (lines === '') return;
    this.#waiting = '';
    this.#sink.write(lines);
  }
}
