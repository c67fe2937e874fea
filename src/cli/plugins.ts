/** `sluice plugins list`: the filters in force, in the order in which they are asked. */
import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import type { ListingOptions } from './listing.ts';
import { printListing, withListingOptions } from './listing.ts';
import { textOf, wordsOf } from './row-reader.ts';
import type { Column } from './table.ts';

const COLUMNS: readonly Column[] = [
  { name: 'NAME', value: (row) => textOf(row, 'name') },
  {
    name: 'STATE',
    value: (row) => textOf(row, 'state'),
    colour: (state) => (state === 'down' ? 'red' : state === 'up' ? 'green' : undefined),
  },
  { name: 'SERVICE', value: (row) => textOf(row, 'service'), drop: 2 },
  { name: 'HOOKS', value: (row) => wordsOf(row, 'hooks').join(','), min: 10 },
  { name: 'ON-ERROR', value: (row) => textOf(row, 'on_error'), isTelling: true },
  { name: 'TIMEOUT', value: (row) => `${textOf(row, 'timeout')}s`, align: 'right', drop: 3 },
  { name: 'AT-ONCE', value: (row) => textOf(row, 'max_concurrent'), align: 'right', drop: 1 },
  {
    name: 'SOURCE',
    value: (row) => (row['source'] === 'own' ? textOf(row, 'file') : 'shipped'),
    min: 10,
  },
  { name: 'NOTE', value: (row) => textOf(row, 'note'), min: 10 },
];

export function addPlugins(program: Command, cli: Cli): void {
  const plugins = program.command('plugins').description('the filters');
  withListingOptions(plugins.command('list').description('those that run, in their order')).action(
    async (options: ListingOptions) => {
      const client = await cli.client();
      await printListing(cli, COLUMNS, client.rows('/api/v1/plugins'), options, 'plugins');
    },
  );
}
