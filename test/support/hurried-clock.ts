/**
 * The real clock, running faster by a factor: for deadlines of minutes in tests with real sockets,
 * where a clock that stands still would have to be moved at the right moments.
 */
import type { Clock } from '../../src/base/clock.ts';
import { systemClock } from '../../src/base/clock.ts';

export function hurriedClock(factor: number): Clock {
  return {
    now: () => systemClock.now() * factor,
    mono: () => systemClock.mono() * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
    timer: (ms, fn) => systemClock.timer(ms / factor, fn),
  };
}
