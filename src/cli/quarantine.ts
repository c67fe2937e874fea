/**
 * `sluice quarantine list|show|release|delete`: what filters keep back. Nothing in it is part of the
 * queue, so no step on the queue lets it go. A release of a message with a virus is asked about even
 * when it is named by its id.
 */
import type { Command } from 'commander';
import type { ControlClient } from '../control/client.ts';
import { ControlFault } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import { confirm, countText, takeSteps } from './bulk-steps.ts';
import type { Cli } from './cli.ts';
import type { ListingOptions } from './listing.ts';
import { only, printListing, withListingOptions } from './listing.ts';
import { addShow } from './message-show.ts';
import { sizeText, untilText } from './quantity.ts';
import { age, filterQuery, pattern, selectionOf } from './queue-selection.ts';
import type { FilterOptions } from './queue-selection.ts';
import { whenText } from './queue-show.ts';
import { numberOf, rowOf, textOf, timeOf, wordsOf } from './row-reader.ts';
import type { Column } from './table.ts';
import { firstAndMore } from './tail-line.ts';

type KeptFilter = Omit<FilterOptions, 'state'> & {
  readonly dir?: string;
  readonly asked?: boolean;
};

interface StepOptions {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly learn?: boolean;
}

const PATH = '/api/v1/quarantine';

export function addQuarantine(program: Command, cli: Cli): void {
  const quarantine = program.command('quarantine').description('mail that filters keep back');
  withListingOptions(withKeptFilter(quarantine.command('list'), true))
    .description('all of it, oldest first')
    .action(async ({ json, columns, header, limit, ...filter }: ListingOptions & KeptFilter) => {
      const client = await cli.client();
      const options = {
        header,
        ...(json !== undefined && { json }),
        ...(columns !== undefined && { columns }),
        ...(limit !== undefined && { limit }),
      };
      await printListing(
        cli,
        keptColumns(cli.terminal.now()),
        listKept(cli, client, filter),
        options,
        'messages',
      );
    });
  addShow(quarantine, cli, { path: PATH, envelope });
  withSteps(withKeptFilter(quarantine.command('release'), false))
    .description('deliver it to all its recipients, or to one')
    .option('--to <address>', 'to this recipient alone; the others stay')
    .option('--learn', 'teach the filters that it is no spam')
    .action(async (words: readonly string[], options: StepOptions & KeptFilter) => {
      const { to, learn = false, ...rest } = options;
      await act(cli, 'release', words, rest, { learn, ...(to !== undefined && { to }) });
    });
  withSteps(withKeptFilter(quarantine.command('delete'), true))
    .description('remove it for good, telling nobody')
    .option('--why <text>', 'reason, for the log')
    .option('--learn', 'teach the filters that it is spam')
    .action(
      async (words: readonly string[], options: StepOptions & KeptFilter & { why?: string }) => {
        const { why = '', learn = false, ...rest } = options;
        await act(cli, 'delete', words, rest, { why, learn });
      },
    );
}

function withKeptFilter(command: Command, hasTo: boolean): Command {
  if (hasTo) command.option('--to <address>', 'a recipient: an address or @domain');
  return command
    .option('--from <address>', 'sender: an address, @domain, or <>')
    .option('--dest <domain>', 'hosted domain whose destination gets it')
    .option('--dir <dir>', 'in or out')
    .option('--asked', 'what its customer has asked for')
    .option('--older <age>', 'kept for longer, such as 7d', age)
    .option('--younger <age>', 'kept for less, such as 1h', age)
    .option('--reason <regexp>', 'why it is kept, such as virus', pattern);
}

function withSteps(command: Command): Command {
  return command
    .argument('[ids...]', 'ids, - or ALL')
    .option('--json', 'JSON Lines')
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'only show what would be hit');
}

async function act(
  cli: Cli,
  name: 'release' | 'delete',
  words: readonly string[],
  { json = false, yes = false, dryRun = false, ...filter }: StepOptions & KeptFilter,
  more: Row,
): Promise<void> {
  const client = await cli.client();
  const selection = await selectionOf(words, filter);
  const named = selection.kind === 'ids' ? selection.ids : undefined;
  // Of a release to one recipient only what is for him is meant.
  const meant = typeof more['to'] === 'string' ? { ...filter, to: more['to'] } : filter;
  const kept = named === undefined ? listKept(cli, client, meant) : findKept(client, named);
  if (dryRun) {
    await printListing(
      cli,
      keptColumns(cli.terminal.now()),
      kept,
      { header: true, json },
      'messages',
    );
    return;
  }
  const rows: Row[] = [];
  for await (const row of kept) rows.push(row);
  const ids = named ?? rows.map((row) => textOf(row, 'id'));
  const viruses = rows.filter((row) => textOf(row, 'why') === 'virus').length;
  const risk = name === 'release' && viruses > 0 ? `, ${viruses} with a virus` : '';
  const mustAsk = named === undefined ? ids.length > 0 : risk !== '';
  if (mustAsk && !yes) await confirm(cli, name, `${countText(ids.length)}${risk}`);
  const done = name === 'release' ? 'released' : 'deleted';
  await takeSteps(
    cli,
    client,
    { name, done: [done], path: `${PATH}/actions/${name}`, more },
    { ids, json },
  );
}

function listKept(
  cli: Cli,
  client: ControlClient,
  { reason, dir, asked, ...filter }: KeptFilter,
): AsyncIterable<Row> {
  const query = filterQuery(cli, filter);
  if (dir !== undefined) query.set('dir', dir);
  if (asked === true) query.set('asked', 'true');
  const rows = client.rows(`${PATH}?${query.toString()}`);
  if (reason === undefined) return rows;
  return only(rows, (row) => reason.test(`${textOf(row, 'why')}: ${textOf(row, 'text')}`));
}

async function* findKept(client: ControlClient, ids: readonly string[]): AsyncGenerator<Row> {
  for (const id of ids) {
    try {
      yield await client.get(`${PATH}/${encodeURIComponent(id)}`);
    } catch (error) {
      if (!(error instanceof ControlFault && error.status === 404)) throw error;
    }
  }
}

function keptColumns(now: number): readonly Column[] {
  return [
    { name: 'ID', value: (row) => textOf(row, 'id') },
    { name: 'TIME', value: (row) => shortTime(timeOf(row, 'ts')), drop: 6 },
    { name: 'DIR', value: (row) => textOf(row, 'dir'), drop: 4 },
    { name: 'WHY', value: (row) => textOf(row, 'why') },
    { name: 'SCORE', value: scoreText, align: 'right', drop: 7 },
    { name: 'SIZE', value: (row) => sizeText(numberOf(row, 'size') ?? 0), align: 'right', drop: 3 },
    { name: 'FROM', value: (row) => textOf(row, 'from') || '<>', max: 32, min: 10 },
    { name: 'HEADER-FROM', value: (row) => textOf(row, 'header_from'), max: 32, min: 10, drop: 1 },
    { name: 'TO', value: (row) => firstAndMore(wordsOf(row, 'rcpts')), max: 32, min: 10 },
    { name: 'SUBJECT', value: (row) => textOf(row, 'subject'), min: 16, isTelling: true },
    {
      name: 'ASKED',
      value: (row) => shortTime(timeOf(rowOf(row, 'asked'), 'at')),
      drop: 2,
    },
    {
      name: 'EXPIRES',
      value: (row) => untilText(now, timeOf(row, 'expires_at')),
      align: 'right',
      drop: 5,
    },
  ];
}

function envelope(row: Row, now: number): readonly (readonly [string, string])[] {
  const client = rowOf(row, 'client');
  const account = textOf(row, 'account');
  const released = wordsOf(row, 'released');
  const asked = rowOf(row, 'asked');
  const askedAt = textOf(asked, 'at');
  const askedBy = `by ${textOf(asked, 'by')} in ${textOf(asked, 'mail')}`;
  const score = scoreText(row);
  const engine = textOf(row, 'engine');
  const tests = wordsOf(row, 'tests').join(', ');
  return [
    ['id', textOf(row, 'id')],
    ['kept', whenText(textOf(row, 'ts'), now)],
    ['why', `${textOf(row, 'why')}: ${textOf(row, 'text')}`],
    ...(engine === '' ? [] : [['filter', engine] as const]),
    ...(score === '' ? [] : [['score', score] as const]),
    ...(tests === '' ? [] : [['tests', tests] as const]),
    ['expires', `${textOf(row, 'expires_at')} (in ${untilText(now, timeOf(row, 'expires_at'))})`],
    ['size', `${numberOf(row, 'size') ?? 0} bytes`],
    ['client', `${textOf(client, 'ip')} ${textOf(client, 'helo')}`],
    ...(account === '' ? [] : [['account', account] as const]),
    ...(askedAt === '' ? [] : [['asked for', `${whenText(askedAt, now)} ${askedBy}`] as const]),
    ['destination', textOf(row, 'dest')],
    ['from', textOf(row, 'from') || '<>'],
    ['header from', textOf(row, 'header_from') || '-'],
    ['subject', textOf(row, 'subject') || '-'],
    ...wordsOf(row, 'rcpts').map((rcpt) => ['to', rcpt] as const),
    ...released.map((rcpt) => ['released to', rcpt] as const),
  ];
}

function scoreText(row: Row): string {
  return numberOf(row, 'score')?.toFixed(1) ?? '';
}

/** `06-02 06:42`, in local time. */
function shortTime(at: number | undefined): string {
  if (at === undefined) return '';
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
