/**
 * `sluice recipient list|show|pin|forget`: what the gateway remembers about recipients of its
 * destinations, and what it would say to one now.
 */
import type { Command } from 'commander';
import { Option } from 'commander';
import { ControlFault } from '../control/client.ts';
import type { ControlClient } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import type { ListingOptions } from './listing.ts';
import { jsonLine, only, printListing, withListingOptions } from './listing.ts';
import { ageText, sinceText } from './quantity.ts';
import { numberOf, textOf, timeOf } from './row-reader.ts';
import type { Column } from './table.ts';
import { addRecipientImport } from './recipient-import.ts';
import { printable } from './terminal.ts';

/** How the gateway may have learnt of a recipient. */
const ORIGINS = ['sent', 'asked', 'delivered', 'ldap', 'imported', 'pinned'];

/** By the clock on the wall; the memory's own age, without outages, says how long it is good. */
const columns = (now: number): readonly Column[] => [
  { name: 'ADDRESS', value: (row) => textOf(row, 'address'), min: 20, isTelling: true },
  {
    name: 'ANSWER',
    value: (row) => textOf(row, 'answer'),
    colour: (answer) => (answer === 'known' ? 'green' : 'red'),
  },
  { name: 'ORIGIN', value: (row) => textOf(row, 'origin') },
  { name: 'AGE', value: (row) => sinceText(now, timeOf(row, 'at')), align: 'right' },
  { name: 'STATE', value: (row) => (row['fresh'] === true ? 'fresh' : 'ask again') },
  { name: 'LEFT', value: (row) => leftText(row) ?? 'for good', align: 'right' },
  { name: 'DESTINATION', value: (row) => textOf(row, 'destination'), max: 40 },
];

export function addRecipient(program: Command, cli: Cli): void {
  const recipient = program
    .command('recipient')
    .description('what is remembered about recipients of the destinations');
  withListingOptions(
    recipient
      .command('list')
      .description('all that is remembered')
      .argument('[text]', 'only addresses that hold this text'),
  )
    .addOption(new Option('--answer <answer>', 'known or unknown').choices(['known', 'unknown']))
    .addOption(new Option('--origin <origin>', 'how we know').choices(ORIGINS))
    .option('--domain <domain>', 'only of this domain')
    .option('--dest <text>', 'only of destinations that hold this text')
    .action(async (text: string | undefined, options: ListingOptions & Filters) => {
      const client = await cli.client();
      const rows = only(client.rows('/api/v1/recipients'), (row) => isMeant(row, text, options));
      await printListing(cli, columns(cli.terminal.now()), rows, options, 'recipients remembered');
    });
  addRecipientImport(recipient, cli);
  recipient
    .command('show')
    .description('what is remembered about one, and what it would be told now; sends no mail')
    .argument('<address>')
    .option('--json', 'JSON Lines')
    .action((address: string, options: { json?: boolean }) =>
      show(cli, address, options.json === true),
    );
  recipient
    .command('pin')
    .description('remember an answer for good, whatever the destination says')
    .argument('<address>')
    .addOption(
      new Option('--as <answer>', 'known or unknown')
        .choices(['known', 'unknown'])
        .default('known'),
    )
    .option('--server <text>', 'of a split domain: the server that has it')
    .option('--json', 'JSON')
    .action(async (address: string, options: { as: string; server?: string; json?: boolean }) => {
      const client = await cli.client();
      const { as: answer, server } = options;
      const row = await client.post('/api/v1/recipients/pin', { address, answer, server });
      await printResult(cli, row, options.json === true);
    });
  recipient
    .command('forget')
    .description('ask the destination again next time')
    .argument('<addresses...>')
    .option('--json', 'JSON Lines')
    .action(async (addresses: readonly string[], options: { json?: boolean }) => {
      const client = await cli.client();
      let forgotten = 0;
      for (const address of addresses) {
        const row = await client.delete(`/api/v1/recipients/${encodeURIComponent(address)}`);
        if (row['result'] === 'forgotten') forgotten += 1;
        await printResult(cli, row, options.json === true);
      }
      if (forgotten === 0) cli.exit(EXIT.nothing);
    });
}

interface Filters {
  readonly answer?: string;
  readonly origin?: string;
  readonly domain?: string;
  readonly dest?: string;
}

function isMeant(row: Row, text: string | undefined, wanted: Filters): boolean {
  const address = textOf(row, 'address');
  const { answer, origin, domain, dest } = wanted;
  return (
    (text === undefined || address.includes(text.toLowerCase())) &&
    (answer === undefined || row['answer'] === answer) &&
    (origin === undefined || row['origin'] === origin) &&
    (domain === undefined || address.endsWith(`@${domain.toLowerCase()}`)) &&
    (dest === undefined || textOf(row, 'destination').includes(dest.toLowerCase()))
  );
}

async function show(cli: Cli, address: string, json: boolean): Promise<void> {
  const client = await cli.client();
  const path = `/api/v1/recipients/${encodeURIComponent(address)}`;
  const memory = await remembered(client, path);
  const trial = await client.get(`${path}/test`);
  if (json) {
    if (memory !== undefined) await cli.terminal.out(jsonLine(memory));
    await cli.terminal.out(jsonLine(trial));
  } else {
    await cli.terminal.out(showText(memory, trial, cli.terminal.now()));
  }
  if (textOf(trial, 'domain') === '') throw new CliFault(EXIT.nothing, 'not a domain of ours');
}

async function remembered(client: ControlClient, path: string): Promise<Row | undefined> {
  try {
    return await client.get(path);
  } catch (error) {
    if (error instanceof ControlFault && error.status === 404) return undefined;
    throw error;
  }
}

/** How long it is still good; undefined: for good. */
function leftText(row: Row): string | undefined {
  const left = numberOf(row, 'left');
  return left === undefined ? undefined : ageText(left * 1000);
}

/** `known (imported), 3d2h ago`, and what the destination itself had to do with it. */
function heardText(memory: Row, now: number): string {
  const at = timeOf(memory, 'at');
  const askedAt = timeOf(memory, 'asked_at');
  const said =
    askedAt === undefined
      ? ', not by its destination'
      : askedAt === at
        ? ''
        : `, by its destination ${sinceText(now, askedAt)} ago`;
  return `${textOf(memory, 'answer')} (${textOf(memory, 'origin')}), ${sinceText(now, at)} ago${said}`;
}

/** `2h without outages; good for 30d22h more, outages not counted` */
function goodText(memory: Row): string {
  const age = ageText((numberOf(memory, 'age') ?? 0) * 1000);
  const left = leftText(memory);
  const good = left === undefined ? 'good until it is taken back' : `good for ${left} more`;
  return `${age} old, ${good}; outages are not counted`;
}

function showText(memory: Row | undefined, trial: Row, now: number): string {
  const lines: [string, string][] = [
    ['address', textOf(trial, 'address')],
    ['domain', textOf(trial, 'domain') || '-'],
    ['destination', textOf(trial, 'destination') || '-'],
    ['remembered', memory === undefined ? 'nothing' : heardText(memory, now)],
    ...(memory === undefined ? [] : [['counts as', goodText(memory)] satisfies [string, string]]),
    ['now', `${textOf(trial, 'result')} (${textOf(trial, 'source')})`],
    ['reply', textOf(trial, 'reply')],
  ];
  return lines.map(([name, value]) => `${name.padEnd(12)} ${printable(value)}\n`).join('');
}

async function printResult(cli: Cli, row: Row, json: boolean): Promise<void> {
  const text = `${printable(textOf(row, 'id'))}  ${printable(textOf(row, 'result'))}\n`;
  await cli.terminal.out(json ? jsonLine(row) : text);
}
