/**
 * Which messages a queue command means: ids, `-` for ids from standard input, the literal `ALL`, or
 * filters. Bulk commands first list what is meant, ask, and then act on exactly those ids. By filters
 * and `ALL` only what the step fits is meant, else `release ALL` would fail for all that nobody holds.
 */
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { ControlClient } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { only } from './listing.ts';
import { parseAge, parseBytes } from './quantity.ts';
import { rowOf, rowsOf, textOf } from './row-reader.ts';

export interface FilterOptions {
  readonly from?: string;
  readonly to?: string;
  readonly dest?: string;
  readonly account?: string;
  readonly state?: string;
  /** Milliseconds. */
  readonly older?: number;
  readonly younger?: number;
  readonly larger?: number;
  readonly reason?: RegExp;
  /** Only what is in a state for this step; `back` of a requeue. */
  readonly step?: { readonly for: string; readonly back?: 'true' };
}

const MAX_IDS_FROM_INPUT = 1_000_000;

export function withFilterOptions(command: Command): Command {
  return command
    .option('--from <address>', 'sender: an address, @domain, or <>')
    .option('--to <address>', 'a recipient: an address or @domain')
    .option('--dest <domain>', 'hosted domain whose destination gets it')
    .option('--account <name>', 'account that sends it')
    .addOption(stateOption())
    .option('--older <age>', 'queued for longer, such as 4h', age)
    .option('--younger <age>', 'queued for less, such as 10m', age)
    .option('--larger <size>', 'larger than, such as 5M', size)
    .option('--reason <regexp>', 'last answer or reason of the hold', pattern);
}

export function stateOption(): Option {
  const states = ['active', 'deferred', 'hold', 'damaged', 'quarantine'];
  return new Option('--state <state>').choices(states);
}

/** All messages that the filters mean, oldest first. */
export function listQueue(
  cli: Cli,
  client: ControlClient,
  filter: FilterOptions,
): AsyncIterable<Row> {
  const { reason } = filter;
  const query = filterQuery(cli, filter);
  const rows = client.rows(`/api/v1/queue?${query.toString()}`);
  return reason === undefined
    ? rows
    : only(rows, (row) => reasonsOf(row).some((text) => reason.test(text)));
}

/** What of the filters the gateway itself looks at. */
export function filterQuery(cli: Cli, filter: FilterOptions): URLSearchParams {
  const query = new URLSearchParams(filter.step);
  const now = cli.terminal.now();
  const { older, younger, larger } = filter;
  for (const name of ['from', 'to', 'dest', 'account', 'state'] as const) {
    const value = filter[name];
    if (value !== undefined) query.set(name, value);
  }
  if (older !== undefined) query.set('before', new Date(now - older).toISOString());
  if (younger !== undefined) query.set('since', new Date(now - younger).toISOString());
  if (larger !== undefined) query.set('larger', String(larger));
  return query;
}

/** What keeps a message here, in the words of the destination or of who holds it. */
export function reasonOf(row: Row): string {
  if (textOf(row, 'state') === 'damaged')
    return 'its record is damaged on disk; delete is all it takes';
  const hold = rowOf(row, 'hold');
  const why = textOf(hold, 'why');
  if (why !== '') {
    const text = textOf(hold, 'text');
    if (textOf(row, 'state') === 'quarantine') return `${why}: ${text || why}`;
    // The last answer alone does not tell that it was the last one.
    const held = `held by ${textOf(hold, 'by')}${why === 'by_hand' ? '' : ` (${why})`}`;
    return text === '' ? held : `${held}: ${text}`;
  }
  const reason = textOf(row, 'reason');
  if (reason !== '') return reason;
  const answered = rowsOf(row, 'rcpts').find((rcpt) => textOf(rcpt, 'reason') !== '');
  return answered === undefined ? '' : textOf(answered, 'reason');
}

function reasonsOf(row: Row): string[] {
  return [reasonOf(row), ...rowsOf(row, 'rcpts').map((rcpt) => textOf(rcpt, 'reason'))];
}

export type Selection =
  | { readonly kind: 'ids'; readonly ids: readonly string[] }
  /** Filters or everything: to be confirmed. */
  | { readonly kind: 'filter'; readonly filter: FilterOptions };

export async function selectionOf(
  words: readonly string[],
  filter: FilterOptions,
): Promise<Selection> {
  const hasFilter = Object.keys(filter).length > 0;
  if (words.length === 1 && words[0] === 'ALL') return { kind: 'filter', filter };
  if (words.length === 0) {
    if (hasFilter) return { kind: 'filter', filter };
    throw new CliFault(EXIT.usage, 'which messages? Give ids, filters, - or ALL');
  }
  if (hasFilter) throw new CliFault(EXIT.usage, 'give ids or filters, not both');
  if (words.includes('ALL')) throw new CliFault(EXIT.usage, 'give ids or ALL, not both');
  const ids: string[] = [];
  for (const word of words) {
    if (word === '-') ids.push(...(await idsFromInput()));
    else ids.push(word);
  }
  return { kind: 'ids', ids: [...new Set(ids)] };
}

async function idsFromInput(): Promise<string[]> {
  const ids = (await readAll(process.stdin)).split(/\s+/).filter((word) => word !== '');
  if (ids.length > MAX_IDS_FROM_INPUT) throw new CliFault(EXIT.usage, 'too many ids');
  return ids;
}

export function age(text: string): number {
  const ms = parseAge(text);
  if (ms === undefined) throw new InvalidArgumentError('must be an age such as 90s, 10m, 4h, 5d');
  return ms;
}

function size(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined) throw new InvalidArgumentError('must be a size such as 200, 64K, 5M');
  return bytes;
}

export function pattern(text: string): RegExp {
  try {
    return new RegExp(text, 'i');
  } catch {
    throw new InvalidArgumentError('must be a regular expression');
  }
}
