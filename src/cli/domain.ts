/** `sluice domain list|show`, and the commands that change who is served. */
import type { Command } from 'commander';
import type { ControlClient } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { addDomainAdd } from './domain-add.ts';
import { addDomainRemove } from './domain-remove.ts';
import { CliFault, EXIT } from './exit.ts';
import type { ListingOptions } from './listing.ts';
import { jsonLine, printListing, withListingOptions } from './listing.ts';
import { ageText, longSizeText } from './quantity.ts';
import { numberOf, rowOf, rowsOf, textOf, wordsOf } from './row-reader.ts';
import type { Column } from './table.ts';
import { printable } from './terminal.ts';

/** Of those with the same thresholds; `--json` has all. */
const SHOWN_MAILBOXES = 5;

const DOMAIN_COLUMNS: readonly Column[] = [
  { name: 'DOMAIN', value: (row) => textOf(row, 'name'), min: 16 },
  {
    name: 'DESTINATION',
    value: (row) => textOf(row, 'destination'),
    max: 40,
    min: 14,
    isTelling: true,
  },
  { name: 'RECIPIENTS', value: (row) => textOf(row, 'recipients') },
  { name: 'OUTAGE', value: (row) => textOf(row, 'outage'), drop: 3 },
  { name: 'SERVICES', value: (row) => wordsOf(row, 'services').join(','), drop: 2 },
  { name: 'ALIASES', value: (row) => wordsOf(row, 'aliases').join(','), min: 10, drop: 1 },
];

export function addDomain(program: Command, cli: Cli): void {
  const domain = program.command('domain').description('domains that are served');
  withListingOptions(domain.command('list').description('all of them')).action(
    async (options: ListingOptions) => {
      const client = await cli.client();
      await printListing(cli, DOMAIN_COLUMNS, client.rows('/api/v1/domains'), options, 'domains');
    },
  );
  domain
    .command('show')
    .description('one, by its name or an alias')
    .argument('<domain>')
    .option('--json', 'JSON')
    .action(async (name: string, options: { json?: boolean }) => {
      const row = await findDomain(await cli.client(), name.toLowerCase());
      if (row === undefined) throw new CliFault(EXIT.nothing, `${name} is not served here`);
      await cli.terminal.out(options.json === true ? jsonLine(row) : domainText(row));
    });
  addDomainAdd(domain, cli);
  addDomainRemove(domain, cli);
}

async function findDomain(client: ControlClient, name: string): Promise<Row | undefined> {
  for await (const row of client.rows('/api/v1/domains')) {
    if (row['name'] === name || wordsOf(row, 'aliases').includes(name)) return row;
  }
  return undefined;
}

function domainText(row: Row): string {
  const lines: [string, string][] = [
    ['domain', textOf(row, 'name')],
    ['aliases', wordsOf(row, 'aliases').join(', ') || '-'],
    ['destination', textOf(row, 'destination')],
    ['recipients', textOf(row, 'recipients')],
    ['outage', textOf(row, 'outage')],
    ['services', wordsOf(row, 'services').join(', ')],
    ['spam', thresholdsText(rowOf(row, 'spam'))],
    ...rowsOf(row, 'mailboxes').map(mailboxesLine),
    ['virus', textOf(row, 'virus')],
    ...queueLines(rowOf(row, 'queue')),
    ['contact', textOf(row, 'contact') || '-'],
    ['file', textOf(row, 'file')],
  ];
  return lines.map(([name, value]) => `${name.padEnd(12)} ${printable(value)}\n`).join('');
}

/** As in force, whether its own file says so or that of the node; the quota is its own. */
function queueLines(queue: Row): [string, string][] {
  const bytes = numberOf(queue, 'max_bytes');
  const quota = [
    ...(numberOf(queue, 'max_messages') === undefined
      ? []
      : [`${textOf(queue, 'max_messages')} messages`]),
    ...(bytes === undefined ? [] : [longSizeText(bytes)]),
  ];
  const retry: unknown[] = Array.isArray(queue['retry']) ? queue['retry'] : [];
  return [
    ['quota', quota.join(', ') || '-'],
    ['retry', retry.map((seconds) => ageText(Number(seconds) * 1000)).join(', ')],
    ['lifetime', ageText((numberOf(queue, 'lifetime') ?? 0) * 1000)],
  ];
}

function thresholdsText(row: Row): string {
  return ['tag', 'quarantine', 'reject']
    .map((at) => `${at} ${textOf(row, at) || 'off'}`)
    .join(', ');
}

function mailboxesLine(row: Row): [string, string] {
  const all = wordsOf(row, 'only_for');
  const more = all.length > SHOWN_MAILBOXES ? ` (+${all.length - SHOWN_MAILBOXES})` : '';
  const names = all.slice(0, SHOWN_MAILBOXES).join(', ');
  return ['mailboxes', `${names}${more}: ${thresholdsText(row)}`];
}
