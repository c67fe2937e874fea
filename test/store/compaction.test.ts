/** Disk use follows the live messages: what was deleted is given back. */
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { until } from '../support/until.ts';
import { levelFixture } from './level-fixture.ts';
import { bytesOf, contentOf, entry } from './sample-mail.ts';
import { StillClock } from './still-clock.ts';

const MB = 1024 * 1024;

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) {
    // A file may go while we look.
    const found = await stat(join(folder, name)).catch(() => undefined);
    bytes += found?.size ?? 0;
  }
  return bytes;
}

test('after a drain the disk is given back, and while much lives nothing is rewritten', async (t) => {
  const clock = new StillClock();
  const fixture = await levelFixture({ clock });
  t.after(() => fixture.close());
  const { spool } = fixture.store;
  const content = contentOf(bytesOf(100_000));
  const ids = Array.from({ length: 400 }, (_, n) => `A.${1000 + n}`);
  await Promise.all(ids.map((id) => spool.commit(entry(id), 1, content)));
  assert.ok((await folderBytes(fixture.folder)) > 35 * MB);
  const complete = async (n: number) => {
    const leases = await spool.claim({ dest: 'example.com', n, leaseMs: 1000 });
    await spool.complete(leases);
  };
  await complete(180);
  clock.move(15_000);
  await spool.commit(entry('B.1'), 1, content);
  assert.ok((await folderBytes(fixture.folder)) > 35 * MB, 'less is dead than lives');
  await complete(400);
  clock.move(15_000);
  await until('the disk is given back', async () => (await folderBytes(fixture.folder)) < 4 * MB);
  await spool.commit(entry('C.1'), 1, content);
  assert.deepEqual(spool.totals(), { queued: 1, held: 0, bytes: 100_000 });
});
