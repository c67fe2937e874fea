/** A folder of a test's own, gone when the test ends. Short path, for sockets may lie in it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export function tempFolder(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
