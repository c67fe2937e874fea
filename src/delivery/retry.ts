/** When a message is tried again: pure functions of its history and the configured waits. */

/** Sooner than this nothing is tried again, whatever is configured and however little time is left. */
const LEAST_WAIT_MS = 1000;

/**
 * Milliseconds until the next attempt, after `attempts` of them (at least one); the last wait
 * repeats. `factor` near 1 keeps messages from marching in step.
 */
export function nextDelayMs(attempts: number, retryMs: readonly number[], factor: number): number {
  const wait = retryMs[Math.min(attempts, retryMs.length) - 1] ?? retryMs.at(-1) ?? 0;
  return Math.round(wait * factor);
}

/** Not beyond the end of its lifetime, so that the last attempt and the giving up are one step. */
export function nextDueAt(now: number, delayMs: number, expiresAt: number): number {
  return Math.max(now + LEAST_WAIT_MS, Math.min(now + delayMs, expiresAt));
}
