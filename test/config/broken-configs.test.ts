/**
 * Every broken configuration is refused with the right words at the right place: one folder each in
 * test/configs, `bad-*` with errors, `warn-*` with warnings only, `expected.txt` what `sluice check`
 * prints. GOLDEN=write rewrites the expectations; read them before they are believed.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { check } from '../../src/cli/check.ts';

const FOLDER = join(import.meta.dirname, '..', 'configs');
const LINE = /^[^:]+:\d+:\d+ (error|warning) \S+: .+$/;
const rewrite = process.env['GOLDEN'] === 'write';

const names = readdirSync(FOLDER);

test('there are broken configurations to try', () => {
  assert.ok(names.length >= 40, `${names.length} folders`);
});

for (const name of names) {
  test(`check says what is wrong: ${name}`, async () => {
    const folder = join(FOLDER, name);
    let output = '';
    const exitCode = await check({
      config: join(folder, 'sluice.yaml'),
      folder,
      write: (text) => void (output += text),
    });
    const expected = join(folder, 'expected.txt');
    if (rewrite) writeFileSync(expected, output);
    assert.equal(output, readFileSync(expected, 'utf8'));
    assert.equal(exitCode, name.startsWith('warn-') ? 1 : 78);
    const lines = output.trimEnd().split('\n');
    assert.match(lines.pop() ?? '', /^\d+ errors?, \d+ warnings?$/);
    for (const line of lines) assert.match(line, LINE);
  });
}
