/** On a narrow terminal addresses give way first, then columns; what a list is read for stays. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Column } from '../../src/cli/table.ts';
import { printTable } from '../../src/cli/table.ts';
import type { ColumnRoom } from '../../src/cli/table-layout.ts';
import { layout } from '../../src/cli/table-layout.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import type { Row } from '../../src/control/rows.ts';

const COLUMNS: readonly ColumnRoom[] = [
  { width: 12 },
  { width: 30, min: 10, drop: 2 },
  { width: 20, min: 10 },
  { width: 5, drop: 1 },
  { width: 50, min: 20, isTelling: true },
];

const CASES: readonly [available: number, widths: readonly number[], why: string][] = [
  [125, [12, 30, 20, 5, 50], 'room for all'],
  [124, [12, 29, 20, 5, 50], 'an address gives way, the longest first'],
  [105, [12, 15, 15, 5, 50], 'both'],
  [95, [12, 10, 10, 5, 50], 'as far as they may'],
  [65, [12, 10, 10, 5, 20], 'then the telling one itself'],
  [64, [12, 10, 10, 0, 26], 'then a column goes, and its room is used'],
  [57, [12, 0, 10, 0, 31], 'then the next one'],
  [30, [12, 0, 10, 0, 20], 'less is beyond help: the line is cut'],
];

for (const [available, widths, why] of CASES) {
  test(`${available} columns: ${why}`, () => {
    assert.deepEqual(layout(COLUMNS, 2, available), widths);
  });
}

async function printed(columns: readonly Column[], rows: Row[], width: number, wanted?: string) {
  let text = '';
  const terminal: Terminal = {
    columns: width,
    hasColour: true,
    env: {},
    input: async () => '',
    out: async (chunk) => {
      text += String(chunk);
    },
    err: () => undefined,
    ask: async () => undefined,
    now: () => 0,
  };
  const all = (async function* () {
    yield* rows;
  })();
  await printTable(terminal, columns, all, { header: true, columns: wanted });
  return text.trimEnd().split('\n');
}

test('cells are cut to their column, coloured ones too; columns asked for by name stay', async () => {
  const value = (name: string) => (row: Row) => String(row[name]);
  const columns: Column[] = [
    { name: 'WHO', value: value('who'), min: 6 },
    { name: 'HOW', value: value('how'), colour: () => 'red', min: 5, isTelling: true },
    { name: 'SIZE', value: value('size'), drop: 1 },
  ];
  const row = { who: 'anna@example.org', how: 'refused', size: '12K' };
  assert.deepEqual(await printed(columns, [row], 15), [
    'WHO     HOW',
    'anna@…  \x1b[31mrefused\x1b[0m',
  ]);
  const wide = { ...row, size: 'a whole lot' };
  assert.deepEqual(await printed(columns, [wide], 15, 'how,size'), [
    'HOW    SIZE',
    '\x1b[31mre…ed\x1b[0m  a whole…',
  ]);
});
