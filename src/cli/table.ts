/**
 * Tables for people: columns padded to what the first rows need, so that lists of any length stream.
 * On a terminal that is too narrow values are cut with an ellipsis and columns left out, as
 * table-layout.ts has it; elsewhere nothing is. Values are made printable here, whatever they hold.
 */
import type { Row } from '../control/rows.ts';
import { CliFault, EXIT } from './exit.ts';
import { layout } from './table-layout.ts';
import type { Colour, Terminal } from './terminal.ts';
import { coloured, printable } from './terminal.ts';

export interface Column {
  readonly name: string;
  readonly value: (row: Row) => string;
  readonly align?: 'right';
  /** Widest on a terminal. */
  readonly max?: number;
  /** A terminal that is too narrow may cut it to this, */
  readonly min?: number;
  /** and leaves it out when that is not enough, the lowest number first. */
  readonly drop?: number | undefined;
  /** What people read the list for: gets what room there is. */
  readonly isTelling?: boolean;
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
      widths = widthsOf(chosen, options.header ? [names, ...waiting] : waiting, terminal.columns);
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

function widthsOf(
  columns: readonly Column[],
  lines: readonly (readonly string[])[],
  available: number | undefined,
): number[] {
  const natural = columns.map(() => 0);
  for (const cells of lines) {
    cells.forEach((cell, index) => {
      natural[index] = Math.max(natural[index] ?? 0, cell.length);
    });
  }
  if (available === undefined) return natural;
  const rooms = columns.map((column, index) => ({ ...column, width: natural[index] ?? 0 }));
  return layout(rooms, GAP.length, available);
}

function chooseColumns(columns: readonly Column[], wanted: string | undefined): readonly Column[] {
  if (wanted === undefined) return columns;
  return wanted.split(',').map((name) => {
    const found = columns.find((column) => column.name === name.trim().toUpperCase());
    // What somebody asks for by name is never left out.
    if (found !== undefined) return { ...found, drop: undefined };
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
  const available = terminal.columns;
  const fitting = available === undefined ? cells : fitted(columns, widths, cells, available);
  const short = cut(padded(columns, widths, fitting), available);
  // Colour goes on last, so that escape codes are never measured or cut.
  const index = columns.findIndex((column) => column.colour !== undefined);
  const value = cells[index];
  const width = widths[index] ?? 0;
  const colour = value === undefined ? undefined : columns[index]?.colour?.(value);
  if (value === undefined || colour === undefined || width === 0) return short;
  const before = widths.slice(0, index).filter((width) => width > 0);
  const start = before.reduce((sum, width) => sum + width + GAP.length, 0);
  const end = start + Math.min(value.length, width);
  return (
    short.slice(0, start) + coloured(terminal, colour, short.slice(start, end)) + short.slice(end)
  );
}

/**
 * Cut where the column may be; the last one has what is left of the line. The telling one is cut in
 * its middle: a reason begins with what it is about and ends with what was wrong.
 */
function fitted(
  columns: readonly Column[],
  widths: readonly number[],
  cells: readonly string[],
  available: number,
): string[] {
  const last = widths.findLastIndex((width) => width > 0);
  const before = widths
    .slice(0, last)
    .reduce((sum, width) => sum + width + (width > 0 ? GAP.length : 0), 0);
  return cells.map((cell, index) => {
    const { min, isTelling } = columns[index] ?? {};
    if (min === undefined) return cell;
    const width = index === last ? available - before : widths[index];
    return isTelling === true ? cutInside(cell, width) : cut(cell, width);
  });
}

function padded(columns: readonly Column[], widths: readonly number[], cells: readonly string[]) {
  const line = cells.flatMap((cell, index) => {
    const width = widths[index] ?? 0;
    if (width === 0) return [];
    return [columns[index]?.align === 'right' ? cell.padStart(width) : cell.padEnd(width)];
  });
  return line.join(GAP).trimEnd();
}

function cut(text: string, width = Infinity): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function cutInside(text: string, width = Infinity): string {
  if (text.length <= width || width < 3) return cut(text, width);
  const head = Math.ceil((width - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (width - 1 - head))}`;
}
