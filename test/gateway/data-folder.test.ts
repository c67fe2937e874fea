/** Whose the data folder is. */
import assert from 'node:assert/strict';
import { chmodSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { dataFolder } from '../../src/gateway/data-folder.ts';
import { tempFolder } from '../support/temp-folder.ts';

test('the data folder is its owner’s; a group may be let through to the socket and no further', async (t) => {
  const folder = join(tempFolder(t), 'data');
  const after = async (mode: number | undefined) => {
    if (mode !== undefined) chmodSync(folder, mode);
    await dataFolder(folder);
    return (statSync(folder).mode & 0o7777).toString(8);
  };
  assert.equal(await after(undefined), '700', 'new');
  assert.equal(await after(0o2710), '2710', 'what an operator opened stays open');
  assert.equal(await after(0o2777), '2710', 'nobody may look into it');
  assert.equal(await after(0o755), '700', 'what mkdir made is no wish');
  assert.equal(await after(0o705), '700');
});
