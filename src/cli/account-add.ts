/**
 * `sluice account add`: one more account in the file of its domain, which keeps its comments. The
 * password is made here and shown once, or comes from standard input.
 */
import type { Command } from 'commander';
import { withAccount } from '../config/account-text.ts';
import type { Config } from '../config/config.ts';
import type { DomainFile } from '../config/domain-file.ts';
import type { AccountSettings } from '../config/outgoing-schema.ts';
import type { ListedAccount } from '../directory/account.ts';
import type { Directory } from '../directory/domain.ts';
import { parseAddress } from '../mail/address.ts';
import { accountName } from './account-place.ts';
import { parseSettings, SETTINGS_HELP, valuesOf } from './account-settings.ts';
import type { Cli } from './cli.ts';
import { quietly, soundConfig, tellGateway } from './domain-file-change.ts';
import { editDomainFile } from './domain-file-edit.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { newPassword } from './password.ts';
import { printable } from './terminal.ts';

interface AddOptions {
  readonly ip?: string;
  readonly spf?: string;
  readonly user?: string;
  readonly domain?: string;
  readonly passwordStdin?: boolean;
  readonly enable?: boolean;
  readonly json?: boolean;
}

export function addAccountAdd(account: Command, cli: Cli): void {
  account
    .command('add')
    .description('let somebody send: by address, by login, or a whole domain by password')
    .argument('[setting...]', SETTINGS_HELP)
    .option('--ip <network>', 'whoever connects from there; --domain says for which domain')
    .option('--spf <name>', 'servers that this SPF record names, with a sender of --domain')
    .option('--user <address>', 'who logs in with this address')
    .option('--domain <domain>', 'who logs in with the name of the domain')
    .option('--password-stdin', 'the password is on standard input; else one is made')
    .option('--enable', 'switch outgoing mail of the domain on (outgoing.enabled)')
    .option('--json', 'JSON')
    .action((words: string[], options: AddOptions) => addOne(cli, words, options));
}

async function addOne(cli: Cli, words: readonly string[], options: AddOptions): Promise<void> {
  const { ip, spf, user, json = false } = options;
  const settings = valuesOf(parseSettings(words));
  const { config, directory } = await soundConfig(cli);
  const domainFile = fileOf(config, directory, options);
  const { file } = domainFile;
  const { domain } = domainFile.settings;
  const enabled = domainFile.settings.outgoing?.enabled === true || options.enable === true;
  const { by, who } = whoOf(options);
  const secret =
    by === 'user' || by === 'domain'
      ? await newPassword(cli, options.passwordStdin === true)
      : undefined;
  const account = { ...who, ...(secret && { password: secret.hash }), ...settings };
  await editDomainFile(cli, file, async (text) =>
    withAccount(text, account, options.enable === true),
  );
  const name = spf === undefined ? (ip ?? user ?? domain) : accountName(who, domain);
  if (json) {
    const state = enabled ? 'active' : 'off';
    const password = secret?.made;
    await cli.terminal.out(
      jsonLine({ v: 1, kind: 'account', name, by, domain, state, file, password }),
    );
  } else {
    await cli.terminal.out(`${printable(file)} changed\n`);
    if (secret?.made !== undefined) {
      await cli.terminal.out(`password of ${name} (shown only now): ${secret.made}\n`);
    }
  }
  if (ip !== undefined) {
    const text = `all mail from ${ip} is outbound mail of ${domain} from now on: only its senders are taken`;
    cli.terminal.err(`sluice: note: ${text}\n`);
  }
  if (!enabled) {
    const text = `outgoing mail of ${domain} is off: nobody can send before "sluice account set ${name} --enable"`;
    cli.terminal.err(`sluice: note: ${text}\n`);
  }
  await tellGateway(json ? quietly(cli) : cli, `${name} ${enabled ? 'may send' : 'is an account'}`);
}

/** As the file has it. */
function whoOf({ ip, spf, user }: AddOptions): {
  readonly by: ListedAccount['by'];
  readonly who: Pick<AccountSettings, 'ip' | 'spf' | 'user' | 'domain'>;
} {
  if (ip !== undefined) return { by: 'address', who: { ip } };
  if (spf !== undefined) return { by: 'spf', who: { spf } };
  return user === undefined
    ? { by: 'domain', who: { domain: true } }
    : { by: 'user', who: { user } };
}

function fileOf(
  config: Config,
  directory: Directory,
  { ip, spf, user, domain, passwordStdin }: AddOptions,
): DomainFile {
  const kinds = [ip, spf, user].filter((kind) => kind !== undefined).length;
  if (kinds > 1 || (kinds === 0 && domain === undefined)) {
    throw new CliFault(
      EXIT.usage,
      'say one of --user ADDRESS, --ip NETWORK --domain DOMAIN, --spf NAME --domain DOMAIN, or --domain DOMAIN',
    );
  }
  const shown = ip ?? spf;
  if (shown !== undefined && domain === undefined) {
    throw new CliFault(EXIT.usage, `${printable(shown)}: of which domain? --domain DOMAIN`);
  }
  if (shown !== undefined && passwordStdin === true) {
    throw new CliFault(EXIT.usage, 'an account by address has no password');
  }
  const name = domain ?? domainOf(user ?? '');
  const served = directory.find(name);
  const found = config.domainFiles.find(({ file }) => file === served?.file);
  if (served === undefined || found === undefined) {
    throw new CliFault(EXIT.nothing, `${printable(name)} is not served here`);
  }
  return found;
}

function domainOf(user: string): string {
  const parsed = parseAddress(user);
  if (!parsed.ok) throw new CliFault(EXIT.usage, `--user ${printable(user)}: ${parsed.problem}`);
  return parsed.value.domain;
}
