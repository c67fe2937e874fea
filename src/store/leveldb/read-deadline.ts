/**
 * The one deadline of everything that is read from the store. Whoever waits for a disk that stands
 * still is told when it has had the time that a write has; who comes while such a read is still out
 * is told at once, so that nobody waits that long twice and nothing piles up behind it. A read says
 * nothing about what was written, so the store is not suspect: it goes on when the disk does.
 */
import type { Clock } from '../../base/clock.ts';
import { DISK_DEADLINE_MS } from '../../base/deadline.ts';
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
  run<T>(read: () => Promise<T>): Promise<T> {
    if (this.#overdue > 0) return Promise.reject(silent());
    return new Promise<T>((resolve, reject) => {
      let isOverdue = false;
      const timer = this.#clock.timer(DISK_DEADLINE_MS, () => {
        isOverdue = true;
        this.#overdue += 1;
        const error = silent();
        if (this.#overdue === 1) this.#onSilence(error);
        reject(error);
      });
      const settled = () => {
        timer.stop();
        if (isOverdue) this.#overdue -= 1;
      };
      read().then(
        (value) => {
          settled();
          resolve(value);
        },
        (error: unknown) => {
          settled();
          reject(error as Error);
        },
      );
    });
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

function silent(): CodedError {
  return new CodedError('STORE_SILENT', `store: no answer within ${DISK_DEADLINE_MS} ms`);
}
