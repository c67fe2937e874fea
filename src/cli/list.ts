/**
 * `sluice list add|remove|show`: whom the plugin `lists` blocks and allows. What is added here is in
 * force at once and kept by the gateway; what stands in its files is shown beside it and is changed
 * there. With `-` the entries come from standard input, one a line, # begins a comment.
 */
import type { Command } from 'commander';
import { Argument } from 'commander';
import { linesOf } from '../control/ndjson.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import type { ListingOptions } from './listing.ts';
import { jsonLine, only, printListing, withListingOptions } from './listing.ts';
import { textOf, wordsOf } from './row-reader.ts';
import type { Column } from './table.ts';
import { coloured, printable } from './terminal.ts';

interface Scope {
  readonly domain?: string;
  readonly for?: string;
  readonly json?: boolean;
}

interface Wish extends Scope {
  readonly until?: string;
  readonly note?: string;
  readonly unproven?: boolean;
}

/** Entries in one request; the gateway takes no more than 1000. */
const BATCH = 500;
const MAX_INPUT = 10_000;
const GOOD: ReadonlySet<string> = new Set(['added', 'changed', 'removed']);

const COLUMNS: readonly Column[] = [
  {
    name: 'LIST',
    value: (row) => textOf(row, 'list'),
    colour: (list) => (list === 'block' ? 'red' : 'green'),
  },
  { name: 'WHO', value: (row) => textOf(row, 'who'), min: 20, isTelling: true },
  { name: 'DOMAIN', value: (row) => textOf(row, 'domain') || 'all', max: 32 },
  { name: 'FOR', value: (row) => mailboxes(row).join(', ') || 'all', max: 32 },
  { name: 'UNTIL', value: (row) => textOf(row, 'until') || '-' },
  { name: 'SOURCE', value: (row) => textOf(row, 'source'), max: 40, drop: 2 },
  { name: 'BY', value: (row) => textOf(row, 'by'), drop: 3 },
  { name: 'NOTE', value: (row) => textOf(row, 'note'), max: 40, drop: 1 },
];

export function addList(program: Command, cli: Cli): void {
  const list = program.command('list').description('whom the filter "lists" blocks and allows');
  const step = (name: string, description: string) =>
    list
      .command(name)
      .description(description)
      .addArgument(new Argument('<list>', 'block or allow').choices(['block', 'allow']))
      .argument('<who...>', 'addresses, domains or networks, or - for standard input')
      .option('--domain <domain>', 'for this hosted domain alone')
      .option('--for <address>', 'for this mailbox alone')
      .option('--json', 'JSON Lines');
  step('add', 'add entries to the running gateway, or change them')
    .option('--until <day>', 'the last day, such as 2027-01-31 (UTC)')
    .option('--note <text>', 'for yourself')
    .option('--unproven', 'allow: also when the sender is not proven')
    .action((name: string, who: readonly string[], wish: Wish) =>
      take(cli, 'add', name, who, wish),
    );
  step('remove', 'remove entries that were added by command').action(
    (name: string, who: readonly string[], scope: Scope) => take(cli, 'remove', name, who, scope),
  );
  withListingOptions(
    list
      .command('show')
      .description('all entries, of the files too')
      .argument('[text]', 'only those that hold this text'),
  ).action(async (text: string | undefined, options: ListingOptions) => {
    const client = await cli.client();
    const rows = only(client.rows('/api/v1/lists'), (row) => holds(row, text));
    await printListing(cli, COLUMNS, rows, options, 'entries');
  });
}

async function take(
  cli: Cli,
  step: 'add' | 'remove',
  list: string,
  words: readonly string[],
  { domain, for: mailbox, until, note, unproven, json = false }: Wish,
): Promise<void> {
  if (unproven === true && list === 'block')
    throw new CliFault(EXIT.usage, '--unproven is for "allow": a block needs no proof');
  const whom = await given(words);
  const client = await cli.client();
  let done = 0;
  let failed = 0;
  for (let start = 0; start < whom.length; start += BATCH) {
    const more = { list, domain, only_for: mailbox, until, note, unproven };
    const entries = whom.slice(start, start + BATCH).map((who) => ({ who, ...more }));
    for await (const row of client.rows(`/api/v1/lists/${step}`, { body: { entries } })) {
      const result = textOf(row, 'result');
      if (GOOD.has(result)) done += 1;
      else if (result !== 'not found') failed += 1;
      await cli.terminal.out(json ? jsonLine(row) : resultLine(cli, row));
    }
  }
  if (failed > 0) cli.exit(EXIT.failed);
  else if (done === 0) cli.exit(EXIT.nothing);
}

async function given(words: readonly string[]): Promise<readonly string[]> {
  if (!words.includes('-')) return words;
  if (words.length > 1) throw new CliFault(EXIT.usage, '"-" stands alone');
  const whom: string[] = [];
  for await (const line of linesOf(process.stdin)) {
    const who = line.replace(/(^|\s)#.*$/, '').trim();
    if (who === '') continue;
    whom.push(who);
    if (whom.length > MAX_INPUT)
      throw new CliFault(EXIT.usage, `more than ${MAX_INPUT} entries; nothing was done`);
  }
  return whom;
}

function resultLine(cli: Cli, row: Row): string {
  const result = textOf(row, 'result');
  const colour = GOOD.has(result) ? 'green' : 'yellow';
  const why = textOf(row, 'text');
  const text = printable(why === '' ? result : `${result}: ${why}`);
  return `${printable(textOf(row, 'id'))}  ${coloured(cli.terminal, colour, text)}\n`;
}

/** Of a file several, by command one. */
function mailboxes(row: Row): readonly string[] {
  const one = textOf(row, 'only_for');
  return one === '' ? wordsOf(row, 'only_for') : [one];
}

function holds(row: Row, text: string | undefined): boolean {
  if (text === undefined) return true;
  const wanted = text.toLowerCase();
  const members = ['who', 'domain', 'note', 'source'].map((name) => textOf(row, name));
  return [...members, ...mailboxes(row)].some((one) => one.toLowerCase().includes(wanted));
}
