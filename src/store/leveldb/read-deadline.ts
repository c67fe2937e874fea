/**
 * The one deadline of everything that is read from the store. Whoever waits for a disk that stands
 * still is told when it has had the time that a write has; who comes while such a read is still out
 * is told at once, so that nobody waits that long twice and nothing piles up behind it. A read says
 * nothing about what was written, so the store is not suspect: it goes on when the disk does.
 */
import type { Clock } from '../../base/clock.ts';
import { DISK_DEADLINE_MS, withDeadline } from '../../base/deadline.ts';
import { CodedError } from '../../base/errors.ts';

export class ReadDeadline {
  readonly #clock: Clock;
  readonly #onSilence: (error: CodedError) => void;
  /** Reads that have had their time and are still out. */
  #overdue = 0;

  /** `onSilence` hears of the first of them. */
  constructor(clock: Clock, onSilence: (error: CodedError) => void) {
    this.#clock = clock;
    this.#onSilence = onSilence;
  }

  /** Rejects with `STORE_SILENT` at the deadline, else as `read` does. */
  async run<T>(read: () => Promise<T>): Promise<T> {
    if (this.#overdue > 0) throw silent();
    const answer = read();
    try {
      return await withDeadline(this.#clock, DISK_DEADLINE_MS, 'store', () => answer);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'DEADLINE') throw error;
      this.#waitFor(answer);
      throw silent(error);
    }
  }

  #waitFor(answer: Promise<unknown>): void {
    const isThere = () => (this.#overdue -= 1);
    this.#overdue += 1;
    if (this.#overdue === 1) this.#onSilence(silent());
    answer.then(isThere, isThere);
  }

  /** Each step of it in time. Nobody waits for its end, which comes behind what is still out. */
  async *each<T>(all: AsyncIterable<T>): AsyncGenerator<T> {
    const iterator = all[Symbol.asyncIterator]();
    try {
      for (;;) {
        const step = await this.run(() => iterator.next());
        if (step.done === true) return;
        yield step.value;
      }
    } finally {
      iterator.return?.().catch(() => undefined);
    }
  }
}

function silent(cause?: Error): CodedError {
  const text = `store: no answer within ${DISK_DEADLINE_MS} ms`;
  return new CodedError('STORE_SILENT', text, { cause });
}
