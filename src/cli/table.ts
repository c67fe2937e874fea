/**
 * Tables for people: columns padded to what the first rows need, so that lists of any length stream.
 * On a terminal long values and lines are cut with an ellipsis; elsewhere nothing is cut. Values are
 * made printable here, whatever they hold.
 */
import type { Row } from '../control/rows.ts';
import { CliFault, EXIT } from './exit.ts';
import type { Colour, Terminal } from './terminal.ts';
import { coloured, printable } from './terminal.ts';

export interface Column {
  readonly name: string;
  readonly value: (row: Row) => string;
  readonly align?: 'right';
  /** Widest on a terminal. */
  readonly max?: number;
  readonly colour?: (value: string) => Colour | undefined;
}

export interface TableOptions {
  /** Names of the columns wanted, separated by commas, in any letter case. */
  readonly columns?: string | undefined;
  readonly header: boolean;
}

/** Rows that are printed at once; the first ones decide the widths. */
const BATCH_ROWS = 1000;
const GAP = '  ';

/** Prints rows as they come and says how many there were. */
export async function printTable(
  terminal: Terminal,
  columns: readonly Column[],
  rows: AsyncIterable<Row>,
  options: TableOptions,
): Promise<number> {
  const chosen = chooseColumns(columns, options.columns);
  let widths: number[] | undefined;
  let waiting: string[][] = [];
  let count = 0;
  const print = async () => {
    const names = chosen.map(({ name }) => name);
    const lines: string[] = [];
    if (widths === undefined) {
      widths = widthsOf(options.header ? [names, ...waiting] : waiting);
      if (options.header) lines.push(cut(padded(chosen, widths, names), terminal.columns));
    }
    for (const cells of waiting) lines.push(lineOf(terminal, chosen, widths, cells));
    waiting = [];
    await terminal.out(lines.map((line) => `${line}\n`).join(''));
  };
  for await (const row of rows) {
    count += 1;
    waiting.push(chosen.map((column) => cellOf(terminal, column, row)));
    if (waiting.length === BATCH_ROWS) await print();
  }
  if (waiting.length > 0) await print();
  return count;
}

function widthsOf(lines: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const cells of lines) {
    cells.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  return widths;
}

function chooseColumns(columns: readonly Column[], wanted: string | undefined): readonly Column[] {
  if (wanted === undefined) return columns;
  return wanted.split(',').map((name) => {
    const found = columns.find((column) => column.name === name.trim().toUpperCase());
    if (found !== undefined) return found;
    const names = columns.map((column) => column.name).join(', ');
    throw new CliFault(EXIT.usage, `no column "${name}"; there are ${names}`);
  });
}

function cellOf(terminal: Terminal, column: Column, row: Row): string {
  const value = printable(column.value(row)) || '-';
  return terminal.columns === undefined ? value : cut(value, column.max);
}

function lineOf(
  terminal: Terminal,
  columns: readonly Column[],
  widths: readonly number[],
  cells: readonly string[],
): string {
  const line = padded(columns, widths, cells);
  const short = cut(line, terminal.columns);
  // Colour goes on last, so that escape codes are never measured or cut.
  const index = columns.findIndex((column) => column.colour !== undefined);
  const value = cells[index];
  const colour = value === undefined ? undefined : columns[index]?.colour?.(value);
  if (value === undefined || colour === undefined) return short;
  const start = widths.slice(0, index).reduce((sum, width) => sum + width + GAP.length, 0);
  const end = start + value.length;
  return (
    short.slice(0, start) + coloured(terminal, colour, short.slice(start, end)) + short.slice(end)
  );
}

function padded(columns: readonly Column[], widths: readonly number[], cells: readonly string[]) {
  const line = cells.map((cell, index) => {
    const fill = ' '.repeat(Math.max(0, (widths[index] ?? 0) - cell.length));
    return columns[index]?.align === 'right' ? fill + cell : cell + fill;
  });
  return line.join(GAP).trimEnd();
}

function cut(text: string, width = Infinity): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
