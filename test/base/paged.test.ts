/** A listing in pages is read whole, each once, and no further than somebody wants it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { paged } from '../../src/base/paged.ts';
import type { Page } from '../../src/base/paged.ts';

function listing(length: number) {
  const keys = Array.from({ length }, (_, n) => String(n).padStart(6, '0'));
  const asked: (string | undefined)[] = [];
  const read = async ({ limit, after }: Page) => {
    asked.push(after);
    return Promise.resolve(
      keys.filter((key) => after === undefined || key > after).slice(0, limit),
    );
  };
  return { keys, asked, all: paged(read, (key) => key) };
}

for (const length of [0, 1, 499, 500, 501, 1000, 1234]) {
  test(`${length} of them`, async () => {
    const { keys, all } = listing(length);
    const seen: string[] = [];
    for await (const key of all) seen.push(key);
    assert.deepEqual(seen, keys);
  });
}

test('who has seen enough has no further page read', async () => {
  const { asked, all } = listing(5000);
  for await (const key of all) if (key === '000499') break;
  assert.deepEqual(asked, [undefined]);
});
