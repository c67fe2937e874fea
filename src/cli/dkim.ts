/**
 * `sluice dkim keygen|rotate|check`: keys that sign mail, and whether the DNS has their records. The files
 * of the configuration are what is looked at; a running gateway is told of a new key. Exit codes of `check`:
 * 0 all match, 1 there is no key, 2 a record is missing or differs, 3 the DNS gave no answer.
 */
import type { Command } from 'commander';
import { Option } from 'commander';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../config/config.ts';
import { formatEndpoint } from '../config/endpoint.ts';
import type { Directory } from '../directory/domain.ts';
import { asciiDomain } from '../directory/domain-name.ts';
import { KeyFolder } from '../dkim/key-folder.ts';
import type { NamedKey } from '../dkim/key-folder.ts';
import { recordName, recordText } from '../dkim/record.ts';
import { writeNewKey } from '../dkim/new-key.ts';
import type { KeysOfDomain } from '../dkim/signer.ts';
import { neededKeys } from '../dkim/signer.ts';
import type { KeyKind } from '../dkim/signing-key.ts';
import { createSystemResolver } from '../dns/system-resolver.ts';
import type { KeyFacts } from '../doctor/facts/dkim.ts';
import { findDkim } from '../doctor/facts/dkim.ts';
import { dkimRecord, zoneLine } from '../doctor/needed-records.ts';
import { isSelector } from '../mail/selector.ts';
import type { Cli } from './cli.ts';
import { isThere, quietly, soundConfig, tellGateway } from './domain-file-change.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { coloured, printable } from './terminal.ts';

interface KeyOptions {
  readonly selector?: string;
  readonly alg: KeyKind;
  readonly json?: boolean;
}

const KINDS: readonly KeyKind[] = ['rsa2048', 'ed25519'];

export function addDkim(program: Command, cli: Cli): void {
  const dkim = program.command('dkim').description('keys that sign outbound mail');
  dkim
    .command('keygen')
    .description('make a key for a domain, and print the record for the DNS')
    .argument('<domain>', 'a hosted domain, an alias, or the host name of the gateway')
    .option('--selector <name>', 'else made of the date')
    .addOption(new Option('--alg <kind>', 'kind of key').choices(KINDS).default('rsa2048'))
    .option('--json', 'JSON')
    .action((name: string, options: KeyOptions) => keygen(cli, name, options));
  dkim
    .command('rotate')
    .description('make a new key for each kind that signs now; those sign until its record is seen')
    .argument('<domain>')
    .option('--json', 'JSON Lines')
    .action((name: string, options: { json?: boolean }) => rotate(cli, name, options));
  dkim
    .command('check')
    .description('whether the DNS has the records of the keys')
    .argument('<domain>')
    .option('--json', 'JSON Lines')
    .action((name: string, options: { json?: boolean }) => check(cli, name, options));
}

async function keygen(cli: Cli, name: string, options: KeyOptions): Promise<void> {
  const { selector, alg } = options;
  if (selector !== undefined && !isSelector(selector)) {
    throw new CliFault(EXIT.usage, `${selector} is no selector such as s2026`);
  }
  const { config, directory } = await soundConfig(cli);
  const { domain, all } = keysFor(directory, config, name);
  const chosen = selector ?? freeSelector(cli, all, alg);
  const key = await make(config, domain, chosen, alg);
  await tell(cli, domain, key, options);
  await tellAtLast(cli, domain, options, `${domain} is signed once the record is seen`);
}

async function rotate(cli: Cli, name: string, options: { json?: boolean }): Promise<void> {
  const { config, directory } = await soundConfig(cli);
  const { domain, all, ...keys } = keysFor(directory, config, name);
  const signing = neededKeys({ ...keys, all, ofAccounts: [] });
  if (signing.length === 0) {
    throw new CliFault(EXIT.nothing, `${domain} has no key yet: sluice dkim keygen ${domain}`);
  }
  for (const { key } of signing) {
    const kind = key.algorithm === 'rsa-sha256' ? 'rsa2048' : 'ed25519';
    const made = await make(config, domain, freeSelector(cli, all, kind), kind);
    await tell(cli, domain, made, options);
  }
  const file = config.domainFiles.find(({ settings }) => asciiDomain(settings.domain) === domain);
  const { selectors } = file?.settings.dkim ?? {};
  if (selectors !== undefined) {
    cli.terminal.err(
      `sluice: note: ${file?.file} names dkim.selectors: put the new one in front\n`,
    );
  }
  const what = `${signing.map(({ selector }) => selector).join(' and ')} until then; keep that record a week longer`;
  await tellAtLast(cli, domain, options, `signed by ${what}`);
}

async function check(cli: Cli, name: string, { json }: { json?: boolean }): Promise<void> {
  const { config, directory } = await soundConfig(cli);
  const keys = keysFor(directory, config, name);
  if (keys.all.length === 0) {
    throw new CliFault(EXIT.nothing, `${name} has no key: sluice dkim keygen ${name}`);
  }
  const servers = () => config.dnsServers?.map(formatEndpoint);
  const resolver = createSystemResolver({ clock: systemClock, servers });
  const found = await findDkim(keys, resolver);
  for (const facts of found) {
    await cli.terminal.out(json === true ? jsonLine(rowOf(keys, facts)) : lineOf(cli, keys, facts));
  }
  const needed = found.filter(({ isOld }) => !isOld).map(({ state }) => state);
  if (needed.includes('missing') || needed.includes('differs')) cli.exit(EXIT.failed);
  else if (needed.includes('unsure')) cli.exit(EXIT.unsure);
}

function keysFor(directory: Directory, { hostname }: Config, name: string): KeysOfDomain {
  const ascii = asciiDomain(name);
  const hosted = directory.find(ascii)?.signing ?? directory.ownSigning;
  const keys = hosted.domains.find(({ domain }) => domain === ascii);
  if (keys !== undefined) return keys;
  throw new CliFault(EXIT.nothing, `${name} is not served here, nor the host name ${hostname}`);
}

/** `s20261126`, or `e20261126` for Ed25519: a record tells its age and kind. */
function freeSelector({ terminal }: Cli, all: readonly NamedKey[], kind: KeyKind): string {
  const day = new Date(terminal.now()).toISOString().slice(0, 10).replaceAll('-', '');
  const first = `${kind === 'rsa2048' ? 's' : 'e'}${day}`;
  const taken = all.map(({ selector }) => selector);
  for (let i = 1; ; i++) {
    const selector = i === 1 ? first : `${first}-${i}`;
    if (!taken.includes(selector)) return selector;
  }
}

async function make(
  config: Config,
  domain: string,
  selector: string,
  kind: KeyKind,
): Promise<NamedKey> {
  const folder = await KeyFolder.open(config.dkimKeys);
  try {
    return await writeNewKey(folder, { domain, selector, kind, ownerOf: config.data });
  } catch (error) {
    if (!isThere(error)) throw error;
    const file = folder.file(domain, selector);
    throw new CliFault(EXIT.nothing, `${file} is there already; nothing was written`);
  }
}

async function tell(
  { terminal }: Cli,
  domain: string,
  key: NamedKey,
  { json }: { json?: boolean },
): Promise<void> {
  const record = dkimRecord(domain, key);
  if (json === true) {
    await terminal.out(jsonLine({ v: 1, kind: 'dkim-key', domain, ...factsOf(domain, key) }));
    return;
  }
  const text = `${key.file} written\nThe record for the DNS:\n\n${zoneLine(record)}\n\n`;
  await terminal.out(text.split('\n').map(printable).join('\n'));
}

/** With JSON the rows are all there is to read. */
async function tellAtLast(
  cli: Cli,
  domain: string,
  { json }: { json?: boolean },
  what: string,
): Promise<void> {
  await tellGateway(json === true ? quietly(cli) : cli, what);
  if (json !== true) await cli.terminal.out(`next: publish it, then sluice dkim check ${domain}\n`);
}

type Status = 'PASS' | 'FAIL' | 'SKIP';

function statusOf({ state, isOld }: KeyFacts): Status {
  if (state === 'matches') return 'PASS';
  return isOld || state === 'unsure' ? 'SKIP' : 'FAIL';
}

const COLOURS = { PASS: 'green', FAIL: 'red', SKIP: 'dim' } as const;

function lineOf({ terminal }: Cli, { domain }: KeysOfDomain, facts: KeyFacts): string {
  const status = statusOf(facts);
  const { name, text, isOld, key } = facts;
  const old = isOld ? ' (not in use)' : '';
  const detail = `${status === 'PASS' ? 'key matches' : text}${old}`;
  const line = `${coloured(terminal, COLOURS[status], status)} ${printable(`${name} ${detail}`)}\n`;
  if (status !== 'FAIL') return line;
  return `${line}     publish: ${printable(zoneLine(dkimRecord(domain, key)))}\n`;
}

function rowOf({ domain }: KeysOfDomain, facts: KeyFacts): Readonly<Record<string, unknown>> {
  const { key, state, text, isOld } = facts;
  const row = { v: 1, kind: 'dkim-check', domain, status: statusOf(facts), state };
  return { ...row, detail: text, in_use: !isOld, ...factsOf(domain, key) };
}

/** The record as a program publishes it; `zone` is the line of a zone file. */
function factsOf(domain: string, named: NamedKey): Readonly<Record<string, unknown>> {
  const { selector, file, key } = named;
  const { algorithm, bits } = key;
  const alg = algorithm === 'rsa-sha256' ? `rsa${bits}` : 'ed25519';
  const dns = {
    name: recordName(domain, selector),
    value: recordText(key),
    zone: zoneLine(dkimRecord(domain, named)),
  };
  return { selector, alg, dns, file };
}
