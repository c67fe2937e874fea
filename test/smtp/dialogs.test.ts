/**
 * Every dialog of test/dialogs, replayed through a real listener whole, byte by byte and at random
 * splits: what the server says and what the program behind sees must be as written, each time.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { loadTestContexts, startServer } from '../support/smtp-server.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';
import { parseDialog } from './dialog.ts';
import type { Dialog } from './dialog.ts';
import type { Splitter } from './dialog-replay.ts';
import { asItIs, byteByByte, replay } from './dialog-replay.ts';

const FOLDER = join(import.meta.dirname, '..', 'dialogs');
const SEEDS = [1, 2];
/** Byte by byte a large dialog would only be slow. */
const MAX_BYTES_ONE_BY_ONE = 20_000;

const contexts = await loadTestContexts();

function atRandom(seed: number): Splitter {
  const random = seededRandom(seed);
  return (bytes) => {
    const chunks: Buffer[] = [];
    const longest = bytes.length > MAX_BYTES_ONE_BY_ONE ? bytes.length / 20 : 12;
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + Math.floor(random() * longest);
      chunks.push(bytes.subarray(at, end));
      at = end;
    }
    return chunks;
  };
}

async function check(dialog: Dialog, split: Splitter): Promise<void> {
  const server = await startServer(contexts, {
    tls: dialog.server,
    auth: dialog.auth,
    xclient: dialog.xclient,
    limits: dialog.limits,
  });
  server.program.meets = dialog.meets;
  try {
    const transcript = await replay(dialog, server.port, split);
    const expected = dialog.steps
      .map((step) =>
        step.kind === 'expect' ? step.text : step.kind === 'closed' ? '<closed>' : '',
      )
      .join('');
    assert.deepEqual(transcript.split('\r\n'), expected.split('\r\n'));
    await until('session to end', () => server.program.summaries.length > 0);
    if (dialog.program !== undefined) assert.deepEqual(server.program.calls, dialog.program);
    const crashes = server.log.of('crash').filter((fields) => fields.msg !== 'planted');
    assert.deepEqual(crashes, []);
  } finally {
    await server.stop();
  }
}

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.dlg'))) {
  const dialog = parseDialog(readFileSync(join(FOLDER, file), 'utf8'));
  const bytes = dialog.steps.reduce(
    (sum, step) => sum + (step.kind === 'send' ? step.bytes.length : 0),
    0,
  );
  test(`dialog ${file.replace(/\.dlg$/, '')}`, async () => {
    await check(dialog, asItIs);
    if (bytes <= MAX_BYTES_ONE_BY_ONE) await check(dialog, byteByByte);
    for (const seed of SEEDS) await check(dialog, atRandom(seed));
  });
}

test('there are dialogs', () => {
  assert.ok(readdirSync(FOLDER).length >= 60);
});
