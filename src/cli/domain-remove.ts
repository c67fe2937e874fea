/**
 * `sluice domain remove`: ends the service of a domain. Its file is put aside as `NAME.yaml.removed`,
 * which is not read, for it holds what nobody remembers. Mail that waits for the domain stays where it
 * is and would go on once the domain is served again; the question says how much that is.
 */
import { rename } from 'node:fs/promises';
import type { Command } from 'commander';
import { ControlFault } from '../control/client.ts';
import { confirm } from './bulk-steps.ts';
import type { Cli } from './cli.ts';
import { soundConfig, tellGateway } from './domain-file-change.ts';
import { CliFault, EXIT } from './exit.ts';
import { listQueue } from './queue-selection.ts';
import { printable } from './terminal.ts';

interface RemoveOptions {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

export function addDomainRemove(domain: Command, cli: Cli): void {
  domain
    .command('remove')
    .description('end the service of a domain; its file is put aside')
    .argument('<domain>')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'say what would be done')
    .action((name: string, options: RemoveOptions) => removeOne(cli, name.toLowerCase(), options));
}

async function removeOne(cli: Cli, name: string, options: RemoveOptions): Promise<void> {
  const { config, directory } = await soundConfig(cli);
  const served = directory.find(name);
  if (served === undefined) throw new CliFault(EXIT.nothing, `${name} is not served here`);
  if (served.name !== name) {
    throw new CliFault(EXIT.usage, `${name} is an alias of ${served.name}: edit its file`);
  }
  const file = config.domainFiles.find((one) => one.settings.domain === name)?.file;
  if (file === undefined) throw new CliFault(EXIT.failed, `the file of ${name} is not found`);
  const what = `${name}${await waiting(cli, name)}`;
  const aside = `${file}.removed`;
  if (options.dryRun === true) {
    await cli.terminal.out(
      `would remove ${what}: ${printable(file)} becomes ${printable(aside)}\n`,
    );
    return;
  }
  if (options.yes !== true) await confirm(cli, 'remove', what);
  await rename(file, aside);
  await cli.terminal.out(`${printable(file)} is now ${printable(aside)}\n`);
  await tellGateway(cli, `${name} is no longer served`);
}

/** ` (3 messages wait for it and stay in the queue)`; nothing when the gateway cannot be asked. */
async function waiting(cli: Cli, name: string): Promise<string> {
  let count = 0;
  try {
    for await (const row of listQueue(cli, await cli.client(), { dest: name })) {
      if (row['id'] !== undefined) count += 1;
    }
  } catch (error) {
    if (!(error instanceof ControlFault) || error.kind !== 'unreachable') throw error;
  }
  if (count === 0) return '';
  const wait = count === 1 ? '1 message waits' : `${count} messages wait`;
  return ` (${wait} for it and would stay in the queue)`;
}
