/**
 * What all listings share: `--json` for JSON Lines, `-o` for the columns, `-H` to leave out the
 * header, `-n` for the number of rows; exit 1 when nothing matched.
 */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { EXIT } from './exit.ts';
import type { Column } from './table.ts';
import { printTable } from './table.ts';
import type { Terminal } from './terminal.ts';

export interface ListingOptions {
  readonly json?: boolean;
  readonly columns?: string;
  /** False with `-H`. */
  readonly header: boolean;
  readonly limit?: number;
}

export function withListingOptions(command: Command): Command {
  return command
    .option('--json', 'JSON Lines')
    .option('-o, --columns <list>', 'columns wanted, separated by commas')
    .option('-H, --no-header', 'without the header line')
    .option('-n, --limit <number>', 'at most so many rows', parseCount);
}

/**
 * Prints the rows and says how many there were. When there were none, a person at a terminal reads
 * that there are no `what`; scripts have the exit code.
 */
export async function printListing(
  cli: Cli,
  columns: readonly Column[],
  rows: AsyncIterable<Row>,
  options: ListingOptions,
  what?: string,
): Promise<number> {
  const { terminal } = cli;
  const wanted = options.limit === undefined ? rows : firstOf(rows, options.limit);
  const count =
    options.json === true
      ? await printJson(terminal, wanted)
      : await printTable(terminal, columns, wanted, options);
  if (count > 0) return count;
  cli.exit(EXIT.nothing);
  const isForPeople = terminal.columns !== undefined && options.json !== true;
  if (isForPeople && what !== undefined) await terminal.out(`no ${what}\n`);
  return count;
}

async function printJson(terminal: Terminal, rows: AsyncIterable<Row>): Promise<number> {
  let count = 0;
  for await (const row of rows) {
    count += 1;
    await terminal.out(jsonLine(row));
  }
  return count;
}

/** Safe on a terminal too: JSON itself escapes no C1 and no bidirectional controls. */
export function jsonLine(row: unknown): string {
  const text = JSON.stringify(row).replace(
    /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${text}\n`;
}

async function* firstOf(rows: AsyncIterable<Row>, limit: number): AsyncGenerator<Row> {
  let left = limit;
  if (left <= 0) return;
  for await (const row of rows) {
    yield row;
    left -= 1;
    if (left <= 0) return;
  }
}

/** Applies a condition that the gateway does not know. */
export async function* only(
  rows: AsyncIterable<Row>,
  isMeant: (row: Row) => boolean,
): AsyncGenerator<Row> {
  for await (const row of rows) if (isMeant(row)) yield row;
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('must be a number');
  return Number(text);
}
