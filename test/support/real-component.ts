/**
 * For tests that need a real daemon: where it is missing they fail in CI, which must have it, and say
 * loudly elsewhere that they were skipped. The test returns after the call.
 */
import type { TestContext } from 'node:test';

export function missing(t: TestContext, what: string): void {
  if (process.env['CI'] !== undefined) throw new Error(`CI must have ${what}`);
  console.error(`\n*** SKIPPED, for lack of ${what}: ${t.name}\n`);
  t.skip(`lack of ${what}`);
}
