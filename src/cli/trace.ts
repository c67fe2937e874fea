/**
 * `sluice trace QUERY`: with an id, the time line of that session or message; with anything else (an
 * address, `@domain`, an IP address, a Message-ID), a table of what matches, newest first. Answers
 * from the memory of the running gateway: recent sessions only.
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
  readonly since?: number;
  readonly until?: number;
  readonly dir?: string;
  readonly result?: string;
}

/** Session or message id, in any letter case. */
const ID = /^[0-9A-HJKMNP-TV-Z]{10}(?:\.\d{1,6})?$/i;

export function addTrace(program: Command, cli: Cli): void {
  const moment = (text: string) => {
    const at = parseMoment(text, cli.terminal.now());
    if (at === undefined) throw new InvalidArgumentError('must be an age such as 4h, or a time');
    return at;
  };
  const trace = program
    .command('trace')
    .description('what became of recent mail: by id, address, @domain or IP address')
    .argument('<query>')
    .option('--since <time>', 'not before: an age such as 4h, or a time', moment)
    .option('--until <time>', 'not after', moment)
    .option('--dir <in|out>', 'direction')
    .option('--result <result>', 'such as rejected, accepted, accepted/deferred');
  withListingOptions(trace).action(async (query: string, options: TraceOptions) => {
    const client = await cli.client();
    if (ID.test(query) && (await printTimeline(cli, client, query.toUpperCase(), options))) return;
    const parameters = new URLSearchParams({ q: query });
    const { since, until, dir, result } = options;
    if (since !== undefined) parameters.set('since', new Date(since).toISOString());
    if (until !== undefined) parameters.set('until', new Date(until).toISOString());
    if (dir !== undefined) parameters.set('dir', dir);
    if (result !== undefined) parameters.set('result', result);
    const rows = client.rows(`/api/v1/traces?${parameters.toString()}`);
    const count = await printListing(cli, COLUMNS, rows, options);
    if (count === 0 && options.json !== true) {
      throw new CliFault(EXIT.nothing, `no trace of ${query} in the gateway's recent memory`);
    }
  });
}

/** False when the gateway does not remember it. */
async function printTimeline(
  cli: Cli,
  client: ControlClient,
  id: string,
  options: TraceOptions,
): Promise<boolean> {
  try {
    for await (const row of client.rows(`/api/v1/traces/${encodeURIComponent(id)}`)) {
      await cli.terminal.out(
        options.json === true ? jsonLine(row) : `${timelineLine(row, cli.terminal)}\n`,
      );
    }
    return true;
  } catch (error) {
    if (error instanceof ControlFault && error.status === 404) return false;
    throw error;
  }
}

const COLUMNS: readonly Column[] = [
  { name: 'TIME', value: whenText },
  { name: 'ID', value: (row) => textOf(row, 'id') },
  { name: 'DIR', value: (row) => textOf(row, 'dir'), drop: 2 },
  { name: 'FROM', value: (row) => textOf(row, 'from') || '<>', max: 32, min: 8, drop: 3 },
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
  return joined(textOf(row, 'result'), textOf(row, 'why'), each === '' ? '' : `(${each})`);
}

/** `06-02 06:42:41` in local time. */
function whenText(row: Row): string {
  const at = timeOf(row, 'time');
  if (at === undefined) return '';
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(date.getMonth() + 1)}-${two(date.getDate())} ${date.toTimeString().slice(0, 8)}`;
}
