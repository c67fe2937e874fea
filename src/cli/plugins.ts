/** `sluice plugins list|order`: the filters in force, and in which order each stage asks them. */
import type { Command } from 'commander';
import type { Row } from '../control/rows.ts';
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

const ORDER_COLUMNS: readonly Column[] = [
  { name: 'HOOK', value: (row) => textOf(row, 'hook') },
  { name: 'ORDER', value: (row) => textOf(row, 'order'), align: 'right' },
  { name: 'PLUGIN', value: (row) => textOf(row, 'plugin'), isTelling: true },
  { name: 'TIMEOUT', value: (row) => `${textOf(row, 'timeout')}s`, align: 'right' },
  { name: 'ON-ERROR', value: (row) => textOf(row, 'on_error') },
];

/** As a session comes to them. */
const HOOKS = 'connect helo mail rcpt data content accepted delivered deferred failed'.split(' ');

export function addPlugins(program: Command, cli: Cli): void {
  const plugins = program.command('plugins').description('the filters');
  withListingOptions(plugins.command('list').description('those that run, in their order')).action(
    async (options: ListingOptions) => {
      const client = await cli.client();
      await printListing(cli, COLUMNS, client.rows('/api/v1/plugins'), options, 'plugins');
    },
  );
  const order = plugins
    .command('order')
    .description('which filters each stage asks, in their order');
  withListingOptions(order).action(async (options: ListingOptions) => {
    const client = await cli.client();
    const all: Row[] = [];
    for await (const row of client.rows('/api/v1/plugins')) all.push(row);
    await printListing(cli, ORDER_COLUMNS, orderRows(all), options, 'hooks');
  });
}

async function* orderRows(plugins: readonly Row[]): AsyncGenerator<Row> {
  for (const hook of HOOKS) {
    const asked = plugins.filter((row) => wordsOf(row, 'hooks').includes(hook));
    for (const [index, { name: plugin, timeout, on_error }] of asked.entries())
      yield { v: 1, kind: 'hook', hook, order: index + 1, plugin, timeout, on_error };
  }
}
