/**
 * `sluice domain add`: writes the file of a new domain into the domains folder, as a person would, with
 * what it needs and where to read on. The file is held against the schema and against the domains that
 * are there before anything is written, and the whole configuration is read once more afterwards: one
 * that would be refused leaves nothing behind. An existing file is never written over.
 */
import { unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { writeNewFile } from '../base/new-file.ts';
import { parseDomainFile } from '../config/domain-file.ts';
import type { Problem } from '../config/problem.ts';
import { hasErrors } from '../config/problem.ts';
import { loadGatewayConfig } from '../directory/load.ts';
import type { Cli } from './cli.ts';
import { isThere, soundConfig, tellGateway } from './domain-file-change.ts';
import { CliFault, EXIT } from './exit.ts';
import { printable } from './terminal.ts';

interface AddOptions {
  readonly alias?: readonly string[];
  readonly recipients: string;
  readonly outage: string;
  readonly contact?: string;
  readonly dryRun?: boolean;
}

/** May hold accounts and their hashes one day. */
const FILE_MODE = 0o640;

export function addDomainAdd(domain: Command, cli: Cli): void {
  domain
    .command('add')
    .description('serve a domain: writes its file and has it read')
    .argument('<domain>')
    .argument('<server...>', "the customer's own mail server, host or host:port; more as fall-back")
    .option('--alias <domain...>', 'further names of the same domain')
    .option('--recipients <source>', 'callout, any, or a file of addresses', 'callout')
    .addOption(
      new Option('--outage <what>', 'unknown recipients while the server is down')
        .choices(['defer', 'hold', 'accept'])
        .default('defer'),
    )
    .option('--contact <address>', 'who gets notices about this domain')
    .option('--dry-run', 'print the file, write nothing')
    .action((name: string, servers: string[], options: AddOptions) =>
      addOne(cli, name.toLowerCase(), servers, options),
    );
}

async function addOne(
  cli: Cli,
  name: string,
  servers: readonly string[],
  options: AddOptions,
): Promise<void> {
  const { config, directory } = await soundConfig(cli);
  for (const wanted of [name, ...(options.alias ?? [])]) {
    const served = directory.find(wanted.toLowerCase());
    if (served === undefined) continue;
    const file = config.domainFiles.find((one) => one.settings.domain === served.name)?.file ?? '';
    throw new CliFault(EXIT.nothing, `${wanted} is served already: ${file}`);
  }
  const file = join(config.domainsFolder, `${name}.yaml`);
  const text = domainText(name, servers, options);
  refuseFaults(parseDomainFile(file, text, []).problems);
  if (options.dryRun === true) {
    await cli.terminal.out(text);
    return;
  }
  await writeNew(file, text);
  const loaded = await loadGatewayConfig(cli.configFile());
  if (!loaded.ok) {
    await unlink(file);
    refuseFaults(loaded.problems);
  }
  await cli.terminal.out(`${printable(file)} written\n`);
  await tellGateway(cli, `${name} is served`);
}

function domainText(name: string, servers: readonly string[], options: AddOptions): string {
  const { alias = [], recipients, outage, contact } = options;
  const [first = ''] = servers;
  const source = ['callout', 'any'].includes(recipients)
    ? recipients
    : `{ file: ${JSON.stringify(resolve(recipients))} }`;
  return [
    '# One customer domain. Every key: docs/configuration.md',
    '',
    `domain: ${quoted(name)}`,
    ...(alias.length === 0 ? [] : [`aliases: ${listed(alias)}`]),
    '',
    "# The customer's own mail server; when there are several, the next one takes over.",
    `destination: ${servers.length === 1 ? quoted(first) : `{ hosts: ${listed(servers)} }`}`,
    '',
    '# Whom the domain has: callout asks that server.',
    `recipients: ${source}`,
    '# Recipients that are not known while the server is down: defer, hold or accept.',
    `outage: ${outage}`,
    ...(contact === undefined ? [] : ['', '# Gets notices.', `contact: ${quoted(contact)}`]),
    '',
  ].join('\n');
}

/** Double quotes of JSON are those of YAML 1.2: an IPv6 address in brackets would be a list. */
function quoted(text: string): string {
  return /^[a-z0-9][a-z0-9.-]*[a-z]$/i.test(text) ? text : JSON.stringify(text);
}

function listed(texts: readonly string[]): string {
  return `[${texts.map(quoted).join(', ')}]`;
}

/** The file is not there yet, or not any more: its lines and columns would lead nowhere. */
function refuseFaults(problems: readonly Problem[]): void {
  if (!hasErrors(problems)) return;
  const errors = problems.filter(({ severity }) => severity === 'error');
  const texts = errors.map(({ path, text }) => (path === '' ? text : `${path}: ${text}`));
  throw new CliFault(EXIT.usage, `nothing was written: ${texts.join('; ')}`);
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeNewFile(file, text, { mode: FILE_MODE });
  } catch (error) {
    if (isThere(error)) {
      throw new CliFault(EXIT.nothing, `${file} is there already; nothing was written`);
    }
    throw error;
  }
}
