/**
 * `sluice account list|hash`, and the commands that change accounts: who may send for which customer,
 * as the files say, and hashes of passwords for those files. While the files have errors the running
 * gateway is asked what is in force. Needs no running gateway.
 */
import type { Command } from 'commander';
import type { Row } from '../control/rows.ts';
import { listedAccounts } from '../directory/account.ts';
import { loadGatewayConfig } from '../directory/load.ts';
import { accountRow } from '../control/account-row.ts';
import { addAccountAdd } from './account-add.ts';
import { addAccountLocks, lockedText, withLocks } from './account-locks.ts';
import { addAccountSteps } from './account-steps.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import type { ListingOptions } from './listing.ts';
import { only, printListing, withListingOptions } from './listing.ts';
import { hashed, madePassword } from './password.ts';
import { textOf } from './row-reader.ts';
import type { Column } from './table.ts';

const columnsAt = (now: number): readonly Column[] => [
  { name: 'ACCOUNT', value: (row) => textOf(row, 'name'), min: 16, isTelling: true },
  { name: 'BY', value: (row) => textOf(row, 'by') },
  { name: 'DOMAIN', value: (row) => textOf(row, 'domain'), min: 10 },
  {
    name: 'STATE',
    value: (row) => textOf(row, 'state'),
    colour: (state) => (state === 'active' ? 'green' : 'yellow'),
  },
  { name: 'LOCKED', value: (row) => lockedText(row, now), drop: 3 },
  { name: 'TODAY', value: (row) => textOf(row, 'today'), align: 'right', drop: 2 },
  { name: 'FILE', value: (row) => textOf(row, 'file'), min: 10, drop: 1 },
];

export function addAccount(program: Command, cli: Cli): void {
  const account = program.command('account').description('who may send for the customers');
  withListingOptions(account.command('list').description('all of them, as the files say'))
    .argument('[domain]', 'of this domain only')
    .action(async (name: string | undefined, options: ListingOptions) => {
      const columns = columnsAt(cli.terminal.now());
      const rows = withLocks(cli, accountRows(cli, name));
      await printListing(cli, columns, rows, options, 'accounts');
    });
  account
    .command('hash')
    .description('the hash of a password, for a domain file; without input it makes a password')
    .option('--scram', 'for SCRAM-SHA-256 too, as passwords that are made here are')
    .action(async ({ scram = false }: { readonly scram?: boolean }) => {
      const given = await cli.terminal.input();
      const password = given ?? madePassword();
      const hash = await hashed(password, scram || given === undefined);
      if (given === undefined) cli.terminal.err(`password (shown only now): ${password}\n`);
      await cli.terminal.out(`${hash}\n`);
    });
  addAccountAdd(account, cli);
  addAccountSteps(account, cli);
  addAccountLocks(account, cli);
}

async function* accountRows(cli: Cli, name: string | undefined): AsyncGenerator<Row> {
  const loaded = await loadGatewayConfig(cli.configFile());
  if (!loaded.ok) {
    yield* only(
      runningRows(cli),
      (row) => name === undefined || row['domain'] === name.toLowerCase(),
    );
    return;
  }
  const { directory } = loaded;
  const wanted = name === undefined ? undefined : directory.find(name);
  if (name !== undefined && wanted === undefined) {
    throw new CliFault(EXIT.nothing, `${name} is not served here`);
  }
  const domains = wanted === undefined ? directory.domains : [wanted];
  for (const account of listedAccounts(domains)) yield accountRow(account);
}

/** What is in force goes on while the files have errors, and is what somebody must see then. */
async function* runningRows(cli: Cli): AsyncGenerator<Row> {
  const client = await cli.client();
  try {
    await client.get('/api/v1/status');
  } catch {
    throw new CliFault(EXIT.config, 'the configuration has errors: sluice check');
  }
  const text =
    'the files have errors (sluice check); this is what the running gateway has in force';
  cli.terminal.err(`sluice: note: ${text}\n`);
  yield* client.rows('/api/v1/accounts');
}
