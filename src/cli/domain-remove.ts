/**
 * `sluice domain remove`: ends the service of a domain. Its file is put aside as `NAME.yaml.removed`
 * (`.removed-2`, ... beside older ones), which is not read, for it holds what nobody remembers. Mail that waits for the domain stays where it
 * is and would go on once the domain is served again; the question says how much that is.
 */
import { existsSync } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { readConfig } from '../config/load.ts';
import { ControlFault } from '../control/client.ts';
import { loadGatewayConfig } from '../directory/load.ts';
import { confirm } from './bulk-steps.ts';
import type { Cli } from './cli.ts';
import { isThere, soundConfig, tellGateway } from './domain-file-change.ts';
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
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'say what would be done')
    .action((name: string, options: RemoveOptions) => removeOne(cli, name.toLowerCase(), options));
}

async function removeOne(cli: Cli, name: string, options: RemoveOptions): Promise<void> {
  const file = (await brokenFile(cli, name)) ?? (await soundFile(cli, name));
  const what = `${name}${await waiting(cli, name)}`;
  if (options.dryRun === true) {
    const to = namesAside(file).find((name) => !existsSync(name)) ?? file;
    await cli.terminal.out(`would remove ${what}: ${printable(file)} becomes ${printable(to)}\n`);
    return;
  }
  if (options.yes !== true) await confirm(cli, 'remove', what);
  const aside = await putAside(file);
  await cli.terminal.out(`${printable(file)} is now ${printable(aside)}\n`);
  await tellGateway(cli, `${name} is no longer served`);
}

async function soundFile(cli: Cli, name: string): Promise<string> {
  const { config, directory } = await soundConfig(cli);
  const served = directory.find(name);
  if (served === undefined) throw new CliFault(EXIT.nothing, `${name} is not served here`);
  if (served.name !== name) {
    throw new CliFault(EXIT.usage, `${name} is an alias of ${served.name}: edit its file`);
  }
  const file = config.domainFiles.find((one) => one.settings.domain === name)?.file;
  if (file === undefined) throw new CliFault(EXIT.failed, `the file of ${name} is not found`);
  return file;
}

/**
 * The file of the domain when it has errors itself, so that it can be put out of the way: the one
 * that names the domain, else one of that name which cannot be understood.
 */
async function brokenFile(cli: Cli, name: string): Promise<string | undefined> {
  const loaded = await loadGatewayConfig(cli.configFile());
  if (loaded.ok) return undefined;
  const errors = loaded.problems.filter(({ severity }) => severity === 'error');
  const { domainFiles } = await readConfig(cli.configFile());
  const known = domainFiles.filter(({ isSound }) => isSound('domain'));
  const files = new Set(errors.map(({ file }) => file));
  const own = known.find(({ settings }) => settings.domain === name)?.file;
  if (own !== undefined) return files.has(own) ? own : undefined;
  const folder = loaded.sources?.folder;
  return [`${name}.yaml`, `${name}.yml`]
    .map((base) => join(folder ?? '', base))
    .find((file) => files.has(file) && !known.some((one) => one.file === file));
}

/** What was removed before is never overwritten; so many times nobody removes a domain. */
const MAX_ASIDE = 1000;

function namesAside(file: string): string[] {
  return Array.from(
    { length: MAX_ASIDE },
    (_, n) => `${file}.removed${n === 0 ? '' : `-${n + 1}`}`,
  );
}

/** Takes the first free name and moves the file there; returns the name. */
async function putAside(file: string): Promise<string> {
  for (const aside of namesAside(file)) {
    try {
      // An empty file of ours first: a rename alone would overwrite what is there.
      await (await open(aside, 'wx')).close();
    } catch (error) {
      if (isThere(error)) continue;
      throw error;
    }
    try {
      await rename(file, aside);
    } catch (error) {
      await unlink(aside);
      throw error;
    }
    return aside;
  }
  throw new CliFault(EXIT.failed, `too many files ${printable(file)}.removed-...: delete some`);
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
