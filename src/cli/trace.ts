/**
 * `sluice trace QUERY`: with an id, the time line of that session or message; with anything else (an
 * address, `@domain`, an IP address, a Message-ID), a table of what matches, newest first. Answers
 * from the records of the running gateway, which go back as far as `records.keep` says.
 */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { ControlFault } from '../control/client.ts';
import type { ControlClient } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import type { ListingOptions } from './listing.ts';
import { jsonLine, printListing, withListingOptions } from './listing.ts';
import { parseMoment } from './quantity.ts';
import { numberOf, rowOf, textOf, timeOf } from './row-reader.ts';
import type { Column } from './table.ts';
import { firstAndMore, joined } from './tail-line.ts';
import { timelineLine } from './trace-line.ts';

interface TraceOptions extends ListingOptions {
  readonly from?: string;
  readonly to?: string;
  readonly client?: string;
  readonly domain?: string;
  readonly account?: string;
  readonly subject?: string;
  readonly result?: string;
  readonly since?: number;
  readonly until?: number;
  readonly dir?: string;
  readonly cursor?: string;
}

/** Options that go to the gateway as they are. */
const NARROWING = [
  ...(['from', 'to', 'client', 'domain', 'account', 'subject', 'result', 'dir'] as const),
];
/** What says which rows a listing has: a time line has none. */
const OF_LISTING = [
  ...NARROWING,
  ...(['since', 'until', 'cursor', 'limit', 'columns'] as const),
] satisfies (keyof TraceOptions)[];
/** Rows of one request. */
const PAGE = 500;
/** On a terminal nobody reads more at a time. */
const SCREENFUL = 200;

/** Session or message id, in any letter case. */
const ID = /^[0-9A-HJKMNP-TV-Z]{10}(?:\.\d{1,6}(?:-\d{1,12})?)?$/i;

export function addTrace(program: Command, cli: Cli): void {
  const moment = (text: string) => {
    const at = parseMoment(text, cli.terminal.now());
    if (at === undefined) throw new InvalidArgumentError('must be an age such as 4h, or a time');
    return at;
  };
  const trace = program
    .command('trace')
    .description(
      'what became of mail: by id, address, @domain, IP address, Message-ID or remote id',
    )
    .argument('[query]')
    .option('--from <address>', 'sender: an address, @domain or the beginning of an address')
    .option('--to <address>', 'recipient, likewise')
    .option('--client <ip>', "the client's address")
    .option('--domain <domain>', 'mail of this customer')
    .option('--account <account>', 'mail of this account')
    .option('--subject <words>', 'all of these words in the subject, if subjects are recorded')
    .option('--since <time>', 'not before: an age such as 4h, or a time', moment)
    .option('--until <time>', 'not after', moment)
    .option('--dir <in|out>', 'direction')
    .option('--result <result>', 'such as rejected, accepted, accepted/deferred, or its beginning')
    .option('--cursor <cursor>', 'go on where a listing ended');
  withListingOptions(trace).action(async (query: string | undefined, options: TraceOptions) => {
    const client = await cli.client();
    const isId = query !== undefined && ID.test(query);
    if (isId && (await printTimeline(cli, client, query.toUpperCase(), options))) return;
    const isForPeople = options.json !== true && cli.terminal.columns !== undefined;
    const limit = options.limit ?? (isForPeople ? SCREENFUL : undefined);
    const end: ListingEnd = {};
    const rows = pagesOf(client, parametersOf(query, options), limit, end);
    // The limit has been kept by then.
    const { limit: _limit, ...listing } = options;
    const count = await printListing(cli, COLUMNS, rows, listing);
    if (options.json === true) {
      if (end.cursor !== undefined) await cli.terminal.out(jsonLine(cursorRow(end.cursor)));
    } else if (count === 0) {
      throw new CliFault(EXIT.nothing, `no trace of ${query ?? 'such mail'} in the records`);
    } else if (end.cursor !== undefined) {
      cli.terminal.err(`-- more: --cursor ${end.cursor}, or -n for more at once\n`);
    }
  });
}

function parametersOf(query: string | undefined, options: TraceOptions): URLSearchParams {
  const parameters = new URLSearchParams();
  if (query !== undefined) parameters.set('q', query);
  for (const name of NARROWING) {
    const value = options[name];
    if (value !== undefined) parameters.set(name, value);
  }
  const { since, until } = options;
  if (since !== undefined) parameters.set('since', new Date(since).toISOString());
  if (until !== undefined) parameters.set('until', new Date(until).toISOString());
  if (options.cursor !== undefined) parameters.set('cursor', options.cursor);
  return parameters;
}

interface ListingEnd {
  /** Where to go on, when there was more than wanted. */
  cursor?: string;
}

/** Page after page, up to the limit. */
async function* pagesOf(
  client: ControlClient,
  parameters: URLSearchParams,
  limit: number | undefined,
  end: ListingEnd,
): AsyncGenerator<Row> {
  let left = limit ?? Infinity;
  let cursor: string | undefined;
  do {
    if (left <= 0) break;
    parameters.set('limit', String(Math.min(left, PAGE)));
    if (cursor !== undefined) parameters.set('cursor', cursor);
    cursor = undefined;
    for await (const row of client.rows(`/api/v1/traces?${parameters.toString()}`)) {
      if (textOf(row, 'kind') === 'cursor') cursor = textOf(row, 'cursor');
      else {
        left -= 1;
        yield row;
      }
    }
  } while (cursor !== undefined);
  if (cursor !== undefined) end.cursor = cursor;
}

function cursorRow(cursor: string): Row {
  return { v: 1, kind: 'cursor', cursor };
}

/** False when the gateway does not remember it. */
async function printTimeline(
  cli: Cli,
  client: ControlClient,
  id: string,
  options: TraceOptions,
): Promise<boolean> {
  try {
    let day: string | undefined;
    const misplaced = OF_LISTING.filter((name) => options[name] !== undefined);
    for await (const row of client.rows(`/api/v1/traces/${encodeURIComponent(id)}`)) {
      if (misplaced.length > 0) throw onlyForListings(id, misplaced);
      if (options.json === true) {
        await cli.terminal.out(jsonLine(row));
        continue;
      }
      const before = day;
      day = dayText(row) ?? before;
      const heading = before !== undefined && day !== before ? `${day}\n` : '';
      await cli.terminal.out(`${heading}${timelineLine(row, cli.terminal)}\n`);
    }
    return true;
  } catch (error) {
    if (error instanceof ControlFault && error.status === 404) return false;
    throw error;
  }
}

function onlyForListings(id: string, options: readonly string[]): CliFault {
  const named = options.map((name) => `--${name}`).join(', ');
  const why = `${id} is an id, and its time line is shown whole; ${named} is for searches`;
  return new CliFault(EXIT.usage, why);
}

/** Nobody was named by who left before MAIL. */
function senderText(row: Row): string {
  return row['from'] === undefined ? '-' : textOf(row, 'from') || '<>';
}

const COLUMNS: readonly Column[] = [
  { name: 'TIME', value: whenText },
  { name: 'ID', value: (row) => textOf(row, 'id') },
  { name: 'DIR', value: (row) => textOf(row, 'dir'), drop: 2 },
  { name: 'FROM', value: senderText, max: 32, min: 8, drop: 3 },
  { name: 'TO', value: recipientsText, max: 32, min: 8 },
  {
    name: 'RESULT',
    value: resultText,
    min: 28,
    isTelling: true,
    colour: (result) =>
      result.startsWith('accepted/delivered')
        ? 'green'
        : /^(rejected|accepted\/(failed|expired))/.test(result)
          ? 'red'
          : 'yellow',
  },
  { name: 'CLIENT', value: (row) => textOf(row, 'client'), drop: 1 },
];

function recipientsText(row: Row): string {
  return firstAndMore(textOf(row, 'to').split(','), numberOf(row, 'rcpts'));
}

/** `accepted/held undeliverable`; `accepted/held undeliverable (1 held, 1 delivered)` */
function resultText(row: Row): string {
  const counts = Object.entries(rowOf(row, 'outcomes'));
  const each = counts.map(([outcome, count]) => `${String(count)} ${outcome}`).join(', ');
  const result = textOf(row, 'result');
  // Who deleted it, not what kept it before, is the reason: the time line says that.
  const why = result.endsWith('/deleted') ? '' : textOf(row, 'why');
  return joined(result, why, each === '' ? '' : `(${each})`);
}

/** `06-02 06:42:41` in local time. */
function whenText(row: Row): string {
  const at = timeOf(row, 'time');
  if (at === undefined) return '';
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(date.getMonth() + 1)}-${two(date.getDate())} ${date.toTimeString().slice(0, 8)}`;
}

/** `2026-06-02` in local time, for the lines of a time line that follow. */
function dayText(row: Row): string | undefined {
  const at = timeOf(row, 'time');
  if (at === undefined) return undefined;
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
