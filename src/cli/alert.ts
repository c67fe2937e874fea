/** `sluice alert list|test`: what people have been told is wrong, and whether they can be told. */
import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { EXIT } from './exit.ts';
import type { ListingOptions } from './listing.ts';
import { jsonLine, printListing, withListingOptions } from './listing.ts';
import { sinceText } from './quantity.ts';
import { textOf, timeOf } from './row-reader.ts';
import { printable } from './terminal.ts';

export function addAlert(program: Command, cli: Cli): void {
  const alert = program.command('alert').description('what is wrong, and who hears of it');
  withListingOptions(alert.command('list').description('alerts that are not over')).action(
    async (options: ListingOptions) => {
      const client = await cli.client();
      const now = cli.terminal.now();
      const columns = [
        { name: 'ALERT', value: (row: object) => textOf({ ...row }, 'alert') },
        { name: 'ABOUT', value: (row: object) => textOf({ ...row }, 'subject'), max: 40 },
        {
          name: 'SINCE',
          value: (row: object) => sinceText(now, timeOf({ ...row }, 'since')),
          align: 'right' as const,
        },
        { name: 'TEXT', value: (row: object) => textOf({ ...row }, 'text') },
      ];
      await printListing(cli, columns, client.rows('/api/v1/alerts'), options, 'alerts');
    },
  );
  alert
    .command('test')
    .description('send a test to each configured target, once')
    .option('--json', 'JSON Lines')
    .action(async ({ json = false }: { json?: boolean }) => {
      const client = await cli.client();
      for await (const row of client.rows('/api/v1/alerts/test', { body: {} })) {
        const problem = textOf(row, 'problem');
        if (problem !== '') cli.exit(EXIT.failed);
        const text = `${textOf(row, 'target').padEnd(8)} ${problem === '' ? 'taken' : problem}`;
        await cli.terminal.out(json ? jsonLine(row) : `${printable(text)}\n`);
      }
    });
}
