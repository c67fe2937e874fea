/** The watch waits until files rest, tells each change once, and finds what the system does not tell. */
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { ConfigWatch } from '../../src/gateway/config-watch.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

async function rig(t: TestContext) {
  const folder = tempFolder(t);
  const file = join(folder, 'sluice.yaml');
  await writeFile(file, 'a');
  const clock = new FakeClock();
  let told = 0;
  const sources = { folder, files: [file] };
  const watch: ConfigWatch = new ConfigWatch({
    clock,
    sources,
    onChange: async () => {
      watch.wasRead(await watch.fingerprint(), sources);
      told += 1;
    },
  });
  watch.wasRead(await watch.fingerprint(), sources);
  watch.start();
  return { folder, file, clock, watch, told: () => told };
}

test('a change is told once, and a file that is still being written not at all', async (t) => {
  const { folder, file, clock, watch, told } = await rig(t);
  try {
    let size = 1;
    for (; size < 6; size++) {
      await writeFile(file, 'x'.repeat(size));
      await clock.advance(500);
      assert.equal(told(), 0, 'it changed since the last look');
    }
    await until('the change to be told', async () => {
      await clock.advance(500);
      return told() === 1;
    });
    await clock.advance(120_000);
    assert.equal(told(), 1);
    await writeFile(join(folder, 'new.yaml'), 'domain');
    await writeFile(join(folder, 'notes.txt'), 'none of ours');
    await until('the new domain file to be told', async () => {
      await clock.advance(30_000);
      return told() === 2;
    });
  } finally {
    watch.stop();
  }
});

test('a folder that comes back is looked at again, and a stopped watch says nothing', async (t) => {
  const { folder, file, clock, watch, told } = await rig(t);
  try {
    await rm(folder, { recursive: true });
    await until('the loss to be told', async () => {
      await clock.advance(30_000);
      return told() === 1;
    });
    await mkdir(folder);
    await writeFile(file, 'again');
    await until('the return to be told', async () => {
      await clock.advance(30_000);
      return told() === 2;
    });
    watch.stop();
    await writeFile(file, 'unheard');
    await clock.advance(600_000);
    assert.equal(told(), 2);
  } finally {
    watch.stop();
  }
});

test('a file beside it that is written without end does not put the look off', async (t) => {
  const { folder, file, clock, watch, told } = await rig(t);
  try {
    await writeFile(file, 'changed');
    // Its name is one that the watch hears of, but nothing of it counts.
    await until('the change to be told', async () => {
      await writeFile(join(folder, '..data'), 'more');
      await clock.advance(250);
      return told() === 1;
    });
  } finally {
    watch.stop();
  }
});
