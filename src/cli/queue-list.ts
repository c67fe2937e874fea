/** `sluice queue list` and `sluice queue count`: what waits, since when and why. */
import type { Command } from 'commander';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { jsonLine, printListing, withListingOptions } from './listing.ts';
import type { ListingOptions } from './listing.ts';
import { ageText, longSizeText, sinceText, sizeText, untilText } from './quantity.ts';
import type { FilterOptions } from './queue-selection.ts';
import { listQueue, reasonOf, withFilterOptions } from './queue-selection.ts';
import { numberOf, rowOf, rowsOf, textOf, timeOf } from './row-reader.ts';
import type { Column } from './table.ts';
import { firstAndMore } from './tail-line.ts';
import { coloured } from './terminal.ts';

export function addQueueList(queue: Command, cli: Cli): void {
  const list = queue.command('list').description('messages in the queue, oldest first');
  withListingOptions(withFilterOptions(list)).action(
    async (options: ListingOptions & FilterOptions) => {
      const { json, columns, header, limit, ...filter } = options;
      await printQueue(cli, filter, {
        header,
        ...(json !== undefined && { json }),
        ...(columns !== undefined && { columns }),
        ...(limit !== undefined && { limit }),
      });
    },
  );
  queue
    .command('count')
    .description('how many messages, as one number')
    .option('--json', 'JSON')
    .action(async (options: { json?: boolean }) => {
      const client = await cli.client();
      const row = await client.get('/api/v1/queue/count');
      await cli.terminal.out(options.json === true ? jsonLine(row) : `${textOf(row, 'count')}\n`);
    });
}

/** Prints the messages that the filters mean; says how many. */
export async function printQueue(
  cli: Cli,
  filter: FilterOptions,
  options: ListingOptions,
): Promise<number> {
  const { terminal } = cli;
  const client = await cli.client();
  const totals = {
    messages: 0,
    bytes: 0,
    oldestAt: terminal.now(),
    states: new Map<string, number>(),
  };
  const counted = async function* (rows: AsyncIterable<Row>) {
    for await (const row of rows) {
      const state = textOf(row, 'state');
      totals.messages += 1;
      totals.bytes += numberOf(row, 'size') ?? 0;
      totals.oldestAt = Math.min(totals.oldestAt, timeOf(row, 'queued_at') ?? Infinity);
      totals.states.set(state, (totals.states.get(state) ?? 0) + 1);
      yield row;
    }
  };
  const rows = counted(listQueue(cli, client, filter));
  const count = await printListing(cli, queueColumns(terminal.now()), rows, options, 'messages');
  if (terminal.columns === undefined || options.json === true || count === 0) return count;
  const states = [...totals.states].map(([state, number]) => `${number} ${state}`).join(', ');
  const messages = `${totals.messages} message${totals.messages === 1 ? '' : 's'}`;
  const oldest = ageText(terminal.now() - totals.oldestAt);
  const footer = `-- ${messages}, ${longSizeText(totals.bytes)}: ${states}; oldest ${oldest}`;
  await terminal.out(`${coloured(terminal, 'dim', footer)}\n`);
  return count;
}

function queueColumns(now: number): readonly Column[] {
  return [
    { name: 'ID', value: (row) => textOf(row, 'id') },
    {
      name: 'STATE',
      value: (row) => textOf(row, 'state'),
      colour: (state) =>
        state === 'hold' || state === 'damaged' ? 'red' : state === 'deferred' ? 'yellow' : 'green',
    },
    { name: 'AGE', value: (row) => sinceText(now, timeOf(row, 'queued_at')), align: 'right' },
    { name: 'NEXT', value: (row) => untilText(now, nextOf(row)), align: 'right' },
    { name: 'TRY', value: (row) => textOf(row, 'attempts'), align: 'right', drop: 3 },
    { name: 'SIZE', value: (row) => sizeText(numberOf(row, 'size') ?? 0), align: 'right', drop: 2 },
    {
      name: 'FROM',
      value: (row) => textOf(row, 'from') || (isDamaged(row) ? '' : '<>'),
      max: 32,
      min: 10,
      drop: 4,
    },
    { name: 'TO', value: recipientsText, max: 32, min: 10 },
    { name: 'DEST', value: (row) => textOf(row, 'dest'), max: 24, drop: 1 },
    { name: 'REASON', value: reasonOf, min: 30, isTelling: true },
  ];
}

/** Held for a time: when that is over. */
function nextOf(row: Row): number | undefined {
  return timeOf(row, 'next_at') ?? timeOf(rowOf(row, 'hold'), 'until');
}

function isDamaged(row: Row): boolean {
  return textOf(row, 'state') === 'damaged';
}

function recipientsText(row: Row): string {
  return firstAndMore(rowsOf(row, 'rcpts').map((rcpt) => textOf(rcpt, 'addr')));
}
