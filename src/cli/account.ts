/**
 * `sluice account list|hash`: who may send for which customer, as the files say, and hashes of
 * passwords for those files. A password comes from standard input, or is made here and shown once;
 * it is never an argument, for others can see those. Needs no running gateway.
 */
import type { Command } from 'commander';
import { randomToken } from '../base/ids.ts';
import { formatPasswordHash, hashPassword } from '../base/password-hash.ts';
import type { Row } from '../control/rows.ts';
import type { Account } from '../directory/account.ts';
import type { Domain } from '../directory/domain.ts';
import { loadGatewayConfig } from '../directory/load.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import type { ListingOptions } from './listing.ts';
import { printListing, withListingOptions } from './listing.ts';
import { textOf } from './row-reader.ts';
import type { Column } from './table.ts';

const COLUMNS: readonly Column[] = [
  { name: 'ACCOUNT', value: (row) => textOf(row, 'name'), min: 16, isTelling: true },
  { name: 'BY', value: (row) => textOf(row, 'by') },
  { name: 'DOMAIN', value: (row) => textOf(row, 'domain'), min: 10 },
  {
    name: 'STATE',
    value: (row) => textOf(row, 'state'),
    colour: (state) => (state === 'active' ? 'green' : 'yellow'),
  },
  { name: 'FILE', value: (row) => textOf(row, 'file'), min: 10, drop: 1 },
];

/** 96 bits in a form that can be read out on the telephone. */
const GENERATED_BYTES = 12;
const MAX_PASSWORD = 255; // what AUTH takes

export function addAccount(program: Command, cli: Cli): void {
  const account = program.command('account').description('who may send for the customers');
  withListingOptions(account.command('list').description('all of them, as the files say'))
    .argument('[domain]', 'of this domain only')
    .action(async (name: string | undefined, options: ListingOptions) => {
      await printListing(cli, COLUMNS, accountRows(cli.configFile(), name), options);
    });
  account
    .command('hash')
    .description('the hash of a password, for a domain file; without input it makes a password')
    .action(async () => {
      const given = await cli.terminal.input();
      const password = given ?? randomToken(GENERATED_BYTES);
      if (password === '' || Buffer.byteLength(password) > MAX_PASSWORD) {
        throw new CliFault(EXIT.usage, `a password has 1 to ${MAX_PASSWORD} bytes`);
      }
      const hash = formatPasswordHash(await hashPassword(Buffer.from(password)));
      if (given === undefined) cli.terminal.err(`password (shown only now): ${password}\n`);
      await cli.terminal.out(`${hash}\n`);
    });
}

async function* accountRows(configFile: string, name: string | undefined): AsyncGenerator<Row> {
  const loaded = await loadGatewayConfig(configFile);
  if (!loaded.ok) throw new CliFault(EXIT.config, 'the configuration has errors: sluice check');
  const { directory } = loaded;
  const only = name === undefined ? undefined : directory.find(name);
  if (name !== undefined && only === undefined) {
    throw new CliFault(EXIT.nothing, `${name} is not served here`);
  }
  for (const domain of only === undefined ? directory.domains : [only]) {
    for (const account of domain.outgoing.accounts) yield rowOf(account, domain);
  }
}

function rowOf({ name, by }: Account, { name: domain, outgoing, file }: Domain): Row {
  const cannotLogIn = by.kind !== 'address' && by.password === undefined;
  const state = !outgoing.enabled ? 'off' : cannotLogIn ? 'no password' : 'active';
  return { v: 1, kind: 'account', name, by: by.kind, domain, state, file };
}
