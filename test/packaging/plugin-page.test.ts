/** docs/plugins.md says what the plugins' sources say. GOLDEN=write writes it anew. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { pluginPage } from '../support/plugin-page.ts';

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'plugins.md');

test('docs/plugins.md is made from the plugins as they are', async () => {
  const page = await pluginPage();
  if (process.env['GOLDEN'] === 'write') writeFileSync(PAGE, page);
  assert.equal(readFileSync(PAGE, 'utf8'), page);
});
