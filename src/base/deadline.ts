/**
 * Deadlines for waits on the outside world. Nothing in the program waits for a peer, a disk or a
 * scanner without one.
 */
import type { Clock } from './clock.ts';
import { CodedError } from './errors.ts';

/** Longer than any honest stall of a disk, shorter than an SMTP client waits for its 250. */
export const DISK_DEADLINE_MS = 60_000;

/**
 * Runs `work` with a signal that aborts after `ms` or with `outer`, whichever comes first. Rejects
 * with `CodedError('DEADLINE')` when the time is over, even if `work` ignores the signal.
 */
export function withDeadline<T>(
  clock: Clock,
  ms: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const controller = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const end = (reason: Error) => {
      controller.abort(reason);
      reject(reason);
    };
    const timer = clock.timer(ms, () => {
      outer?.removeEventListener('abort', onOuter);
      end(new CodedError('DEADLINE', `${what}: no answer within ${ms} ms`));
    });
    const onOuter = () => {
      settle();
      end(outer?.reason as Error);
    };
    const settle = () => {
      timer.stop();
      outer?.removeEventListener('abort', onOuter);
    };
    if (outer?.aborted) {
      onOuter();
      return;
    }
    outer?.addEventListener('abort', onOuter, { once: true });
    work(controller.signal).then(
      (value) => {
        settle();
        resolve(value);
      },
      (error: unknown) => {
        settle();
        reject(error as Error);
      },
    );
  });
}
