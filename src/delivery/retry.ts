/** When a message is tried again: pure functions of its history and the configured waits. */

/**
 * Milliseconds until the next attempt, after `attempts` of them (at least one); the last wait
 * repeats. `factor` near 1 keeps messages from marching in step.
 */
export function nextDelayMs(attempts: number, retryMs: readonly number[], factor: number): number {
  const wait = retryMs[Math.min(attempts, retryMs.length) - 1] ?? retryMs.at(-1) ?? 0;
  return Math.round(wait * factor);
}
