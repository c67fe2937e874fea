/** `sluice account show|set|passwd|remove`: one account, as its domain file has it. */
import type { Command } from 'commander';
import { withoutAccount, withSendingOn, withSettings } from '../config/account-text.ts';
import type { Row } from '../control/rows.ts';
import { listedAccounts } from '../directory/account.ts';
import type { AccountPlace } from './account-place.ts';
import { findAccount } from './account-place.ts';
import { parseSettings, SETTINGS_HELP } from './account-settings.ts';
import { confirm } from './bulk-steps.ts';
import { withLocks } from './account-locks.ts';
import { accountRow } from '../control/account-row.ts';
import type { Cli } from './cli.ts';
import { quietly, soundConfig, tellGateway } from './domain-file-change.ts';
import { editDomainFile } from './domain-file-edit.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { newPassword } from './password.ts';
import { printable } from './terminal.ts';

const WHICH = 'address of a user, network, or name of a domain';

export function addAccountSteps(account: Command, cli: Cli): void {
  account
    .command('show')
    .description('one account with its settings')
    .argument('<account>', WHICH)
    .option('--json', 'JSON')
    .action((name: string, { json = false }: { json?: boolean }) => show(cli, name, json));
  account
    .command('set')
    .description('change settings of an account')
    .argument('<account>', WHICH)
    .argument('[setting...]', SETTINGS_HELP)
    .option('--enable', 'switch outgoing mail of its domain on (outgoing.enabled)')
    .action((name: string, words: string[], options: SetOptions) =>
      set(cli, name, words, options.enable === true),
    );
  account
    .command('passwd')
    .description('a new password; the old one is refused from then on')
    .argument('<account>', WHICH)
    .option('--password-stdin', 'it is on standard input; else one is made')
    .option('--json', 'JSON')
    .action((name: string, options: PasswdOptions) => passwd(cli, name, options));
  account
    .command('remove')
    .description('nobody can send as this account any more')
    .argument('<account>', WHICH)
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'say what would be done')
    .action((name: string, options: RemoveOptions) => remove(cli, name, options));
}

async function show(cli: Cli, wanted: string, isJson: boolean): Promise<void> {
  const { config, directory } = await soundConfig(cli);
  const { name, domainFile, index, settings } = findAccount(config, wanted);
  const { file } = domainFile;
  const domains = directory.domains.filter((domain) => domain.file === file);
  const listed = listedAccounts(domains).find((account) => account.name === name);
  const { line } = domainFile.problemAt(['outgoing', 'accounts', index], '');
  // The hash is of no use to people, and better not shown around.
  const {
    ip: _ip,
    spf: _spf,
    user: _user,
    domain: _domain,
    password: _password,
    ...rest
  } = settings;
  const facts = await running(cli, { ...(listed && accountRow(listed)), line });
  if (isJson) {
    await cli.terminal.out(jsonLine({ ...facts, settings: rest }));
    return;
  }
  const place = `${file}:${line}`;
  const shown = {
    account: name,
    by: listed?.by,
    domain: listed?.domain,
    state: facts['state'],
    file: place,
    networks: facts['networks'],
    found_at: facts['found_at'],
    fault: facts['fault'],
  };
  const pairs = [
    ...Object.entries(shown).filter(([, value]) => value !== undefined),
    ...flat(rest),
  ];
  const width = Math.max(...pairs.map(([key]) => key.length)) + 2;
  const lines = pairs.map(([key, value]) => `${key.padEnd(width)}${printable(textOf(value))}\n`);
  await cli.terminal.out(lines.join(''));
}

/** With what the running gateway knows of it. */
async function running(cli: Cli, row: Row): Promise<Row> {
  for await (const known of withLocks(cli, [row])) return known;
  return row;
}

function flat(settings: object): [string, unknown][] {
  return Object.entries(settings).flatMap(([key, value]): [string, unknown][] => {
    if (value === undefined) return [];
    const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isGroup) return [[key, value]];
    return flat(value as object).map(([inner, deep]) => [`${key}.${inner}`, deep]);
  });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

interface SetOptions {
  readonly enable?: boolean;
}

async function set(
  cli: Cli,
  wanted: string,
  words: readonly string[],
  enable: boolean,
): Promise<void> {
  const changes = parseSettings(words);
  if (changes.length === 0 && !enable) throw new CliFault(EXIT.usage, 'set what? name=value');
  const place = await placeOf(cli, wanted);
  await edit(cli, place, (text, index) => {
    const enabled = enable ? withSendingOn(text) : text;
    return enabled && withSettings(enabled, index, changes);
  });
  await changed(cli, place, changes.length === 0 ? 'may send' : 'has its new settings');
}

interface PasswdOptions {
  readonly passwordStdin?: boolean;
  readonly json?: boolean;
}

async function passwd(cli: Cli, wanted: string, options: PasswdOptions): Promise<void> {
  const place = await placeOf(cli, wanted);
  const { name } = place;
  if (place.settings.ip !== undefined || place.settings.spf !== undefined) {
    throw new CliFault(EXIT.usage, `${name} is an account by address: it has no password`);
  }
  const { hash, made } = await newPassword(cli, options.passwordStdin === true);
  const change = { path: ['password'], value: hash };
  await edit(cli, place, (text, index) => withSettings(text, index, [change]));
  if (options.json === true) {
    await cli.terminal.out(jsonLine({ v: 1, kind: 'account', name, password: made }));
    await tellGateway(quietly(cli), '');
    return;
  }
  if (made !== undefined) await cli.terminal.out(`password of ${name} (shown only now): ${made}\n`);
  await changed(cli, place, 'has its new password');
}

interface RemoveOptions {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

async function remove(cli: Cli, wanted: string, options: RemoveOptions): Promise<void> {
  const place = await placeOf(cli, wanted);
  const { name, domainFile } = place;
  if (options.dryRun === true) {
    await cli.terminal.out(`would remove account ${name} from ${printable(domainFile.file)}\n`);
    return;
  }
  if (options.yes !== true) await confirm(cli, 'remove', `account ${name}`);
  await edit(cli, place, withoutAccount);
  await changed(cli, place, 'is no account any more');
}

/** Its number is looked up while nobody else changes the file. */
async function edit(
  cli: Cli,
  { name, domainFile }: AccountPlace,
  change: (text: string, index: number) => string | undefined,
): Promise<void> {
  await editDomainFile(cli, domainFile.file, async (text) => {
    const { index } = await placeOf(cli, name);
    return change(text, index);
  });
}

async function placeOf(cli: Cli, wanted: string): Promise<AccountPlace> {
  const { config } = await soundConfig(cli);
  return findAccount(config, wanted);
}

async function changed(cli: Cli, { name, domainFile }: AccountPlace, what: string): Promise<void> {
  await cli.terminal.out(`${printable(domainFile.file)} changed\n`);
  await tellGateway(cli, `${name} ${what}`);
}
