/** `sluice limits [DOMAIN]`: how much of its limits each domain and account has used, as bars. */
import type { Command } from 'commander';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import type { ListingOptions } from './listing.ts';
import { printListing, withListingOptions } from './listing.ts';
import { numberOf, textOf, timeOf } from './row-reader.ts';
import type { Column } from './table.ts';

const BAR = 20;
const NEAR = 0.8;

const COLUMNS: readonly Column[] = [
  {
    name: 'OF',
    value: (row) => textOf(row, 'account') || textOf(row, 'domain'),
    min: 12,
    isTelling: true,
  },
  { name: 'WHAT', value: (row) => textOf(row, 'what') },
  { name: 'WINDOW', value: (row) => textOf(row, 'window').toUpperCase() },
  { name: 'USE', value: bar, drop: 1, colour: barColour },
  { name: 'USED', value: usedText, align: 'right' },
  { name: '%', value: percent, align: 'right' },
  { name: 'RESETS', value: resetText, drop: 2 },
];

export function addLimits(program: Command, cli: Cli): void {
  withListingOptions(program.command('limits').description('what is used of the limits'))
    .argument('[domain]', 'of this domain only')
    .action(async (domain: string | undefined, options: ListingOptions) => {
      const client = await cli.client();
      const query = domain === undefined ? '' : `?${new URLSearchParams({ domain }).toString()}`;
      await printListing(cli, COLUMNS, client.rows(`/api/v1/limits${query}`), options, 'limits');
    });
}

function shareOf(row: Row): number | undefined {
  const limit = numberOf(row, 'limit');
  if (limit === undefined || limit === 0) return undefined;
  return Math.min(1, (numberOf(row, 'used') ?? 0) / limit);
}

/** `[##########----------]` */
function bar(row: Row): string {
  const share = shareOf(row);
  if (share === undefined) return '';
  const full = Math.floor(share * BAR);
  return `[${'#'.repeat(full)}${'-'.repeat(BAR - full)}]`;
}

function barColour(value: string) {
  const share = value.split('#').length - 1;
  if (share >= BAR) return 'red' as const;
  return share >= BAR * NEAR ? ('yellow' as const) : undefined;
}

function usedText(row: Row): string {
  const limit = textOf(row, 'limit');
  return limit === '' ? textOf(row, 'used') : `${textOf(row, 'used')}/${limit}`;
}

function percent(row: Row): string {
  const share = shareOf(row);
  return share === undefined ? '' : `${Math.floor(share * 100)}%`;
}

/** `00:00` of the domain's time zone, with the date when it is not within a day. */
function resetText(row: Row): string {
  const at = timeOf(row, 'resets_at');
  if (at === undefined) return '';
  const isFar = ['week', 'month'].includes(textOf(row, 'window'));
  return new Intl.DateTimeFormat('sv-SE', {
    timeZone: textOf(row, 'time_zone'),
    ...(isFar && { dateStyle: 'short' as const }),
    timeStyle: 'short',
  }).format(at);
}
