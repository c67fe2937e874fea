/** Every reason word is explained on the help page, in both languages, and nothing else is. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { HOLD_REASONS, isReason, REASONS } from '../../src/mail/reason.ts';

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reasons.md'), 'utf8');
const [, english = '', german = ''] = PAGE.split(/^## (?:English|Deutsch)$/m);

for (const [language, text] of [
  ['English', english],
  ['German', german],
]) {
  test(`docs/reasons.md explains every reason word in ${language}`, () => {
    const rows = [...(text ?? '').matchAll(/^\| `([^`]+)` +\| ([^|]*\S) +\| ([^|]*\S) +\|$/gm)];
    const words = rows.map(([, word]) => word);
    assert.deepEqual(words, [...REASONS, 'plugin:NAME', ...HOLD_REASONS]);
  });
}

test('a reason is one of the list, or of a plugin by its name', () => {
  for (const word of [...REASONS, 'plugin:quiet-hours']) assert.ok(isReason(word), word);
  for (const word of ['by_hand', 'unknown', 'plugin:', 'plugin:A b', 'toString', '', 7, null]) {
    assert.ok(!isReason(word), String(word));
  }
});
