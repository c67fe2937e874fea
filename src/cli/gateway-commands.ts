/**
 * The commands about the gateway as a whole: start, check, demo, which run here, and status,
 * reload, stop, which ask the one that runs.
 */
import type { Command } from 'commander';
import { filesText, hasFewFiles } from '../base/disk-room.ts';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../config/config.ts';
import { fileName } from '../config/problem.ts';
import type { Row } from '../control/rows.ts';
import { ControlFault } from '../control/client.ts';
import type { Cli } from './cli.ts';
import type { DoctorOptions } from './doctor.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { ageText, sinceText, sizeText } from './quantity.ts';
import { asRow, numberOf, rowOf, rowsOf, textOf, timeOf, wordsOf } from './row-reader.ts';
import { coloured, printable } from './terminal.ts';

/** How long `stop` waits for open transactions to end. */
const STOP_MS = 120_000;
const STOP_STEP_MS = 200;
/** The rest is in `destination list`. */
const NAMED_DESTINATIONS = 5;

export function addGatewayCommands(program: Command, cli: Cli): void {
  program
    .command('start')
    .description('run the gateway in the foreground')
    .option('--log-pretty', 'log lines for people instead of JSON')
    .option('--no-log-pretty', 'JSON on a terminal too')
    .action(async (options: { logPretty?: boolean }) => {
      const { start } = await import('./start.ts');
      cli.exit(await start({ config: cli.configFile(), ...options }));
    });
  program
    .command('check')
    .description('check the configuration and print every problem')
    .option('--json', 'JSON Lines')
    .action(async (options: { json?: boolean }) => {
      const { check } = await import('./check.ts');
      const { pluginProblems } = await import('../gateway/generations.ts');
      const moreChecks = (config: Config) => pluginProblems(config, systemClock);
      const write = (text: string) => cli.terminal.out(text);
      cli.exit(await check({ config: cli.configFile(), moreChecks, write, ...options }));
    });
  program
    .command('doctor')
    .description('look at the whole installation and say what to do about it')
    .argument('[domain]', 'what concerns this domain alone')
    .option('-q, --quiet', 'only what needs somebody')
    .option('--records', 'the DNS records that are needed, to copy, and which are there')
    .option('--json', 'JSON Lines')
    .action(async (domain: string | undefined, options: DoctorOptions) => {
      const { doctor } = await import('./doctor.ts');
      await doctor(cli, domain, options);
    });
  program
    .command('demo')
    .description('the whole story in a minute')
    .action(async () => {
      const { demo } = await import('./demo.ts');
      cli.exit(await demo());
    });
  program
    .command('status')
    .description('how the gateway is')
    .option('--json', 'JSON')
    .action((options: { json?: boolean }) => status(cli, options.json === true));
  program
    .command('reload')
    .description('read the configuration anew; a broken one changes nothing')
    .option('--json', 'JSON')
    .action((options: { json?: boolean }) => reload(cli, options.json === true));
  program
    .command('stop')
    .description('stop gracefully and wait until it is done')
    .action(() => stop(cli));
}

async function status(cli: Cli, json: boolean): Promise<void> {
  const client = await cli.client();
  const row = await client.get('/api/v1/status');
  const isWell =
    wordsOf(rowOf(row, 'queue'), 'damaged').length === 0 &&
    row['store_damaged'] === undefined &&
    [...rowsOf(row, 'scanners'), ...rowsOf(row, 'ldap')].every(({ up }) => up === true) &&
    rowOf(row, 'config')['stale'] !== true;
  cli.exit(row['ready'] !== true ? EXIT.failed : isWell ? EXIT.done : EXIT.nothing);
  const { terminal } = cli;
  await terminal.out(json ? jsonLine(row) : statusText(statusFacts(row), terminal.columns));
}

interface StatusFacts {
  readonly usual: readonly string[];
  readonly apart: readonly string[];
  readonly config: readonly string[];
}

function statusFacts(row: Row): StatusFacts {
  const queue = rowOf(row, 'queue');
  const rates = rowOf(row, 'rates');
  const config = rowOf(row, 'config');
  const oldest = numberOf(queue, 'oldest');
  const scanners = rowsOf(row, 'scanners').map(
    (scanner) => `${textOf(scanner, 'name')}=${scanner['up'] === true ? 'ok' : 'down'}`,
  );
  const held = numberOf(queue, 'hold') ?? 0;
  const quarantine = numberOf(queue, 'quarantine') ?? 0;
  const loadedAt = timeOf(config, 'loaded_at');
  const later = wordsOf(config, 'needs_restart');
  return {
    usual: [
      `sluice ${textOf(row, 'version')}`,
      `pid ${textOf(row, 'pid')}`,
      `up ${ageText((numberOf(row, 'uptime') ?? 0) * 1000)}`,
      textOf(row, 'state'),
      `in ${textOf(rates, 'in')}/s`,
      `out ${textOf(rates, 'out')}/s`,
      `queue ${textOf(queue, 'deferred')}${oldest === undefined ? '' : ` (oldest ${ageText(oldest * 1000)})`}`,
      ...(held > 0 ? [`held ${held}`] : []),
      ...(quarantine > 0 ? [`quarantine ${quarantine}`] : []),
      ...(scanners.length > 0 ? [`scanners ${scanners.join(' ')}`] : []),
    ],
    apart: [
      ...lowDisk(row),
      ...damagedStore(row),
      ...damagedQueues(queue),
      ...downDestinations(row),
      ...hinderingDestinations(row),
      ...oldSignatures(row),
      ...silentDirectories(row),
      ...unsignedDomains(row),
      ...lostRecords(row),
    ],
    config: [
      `config loaded ${loadedAt === undefined ? '-' : new Date(loadedAt).toTimeString().slice(0, 5)}`,
      ...(config['stale'] === true ? ['(the newest one was refused: sluice check says why)'] : []),
      ...(later.length > 0 ? [`(in force only after a restart: ${later.join(', ')})`] : []),
    ],
  };
}

/** `disk low: 300M free, nothing is stored below 512M`, `disk silent: ...` */
function lowDisk(row: Row): string[] {
  const disk = rowOf(row, 'disk');
  if (disk['silent'] === true)
    return ['disk silent: it does not say what is free, nothing is stored'];
  if (disk['low'] !== true) return [];
  const size = (name: string) => sizeText(numberOf(disk, name) ?? 0);
  const files = numberOf(disk, 'files');
  if (files !== undefined && hasFewFiles({ freeFiles: files }))
    return [`disk low: ${filesText({ freeFiles: files })} only, nothing is stored`];
  return [`disk low: ${size('free')} free, nothing is stored below ${size('min')}`];
}

/**
 * One line for scripts. On a terminal each fact that stands apart (trouble, most of them) has a line
 * of its own, however long, below the lines of what one reads each time.
 */
function statusText({ usual, apart, config }: StatusFacts, columns: number | undefined): string {
  if (columns === undefined)
    return `${[...usual, ...apart, ...config].map(printable).join('  ')}\n`;
  const lines = [...filled([...usual, ...config].map(printable), columns), ...apart.map(printable)];
  return lines.map((line) => `${line}\n`).join('');
}

/** As few lines as it takes. */
function filled(facts: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  for (const fact of facts) {
    const longer = `${lines.at(-1) ?? ''}  ${fact}`;
    if (lines.length === 0 || longer.length > columns) lines.push(fact);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

/** `store damaged: store: Corruption: ... (sluice store check)` */
function damagedStore(row: Row): string[] {
  const why = row['store_damaged'];
  return typeof why === 'string' ? [`store damaged: ${why} (sluice store check)`] : [];
}

/** `queue damaged on disk: example.org (sluice store repair)` */
function damagedQueues(queue: Row): string[] {
  const damaged = wordsOf(queue, 'damaged');
  return damaged.length === 0
    ? []
    : [`queue damaged on disk: ${damaged.join(', ')} (sluice store repair)`];
}

/** `destinations down: 192.0.2.10:25 for 5m, ... and 3 more` */
function downDestinations(row: Row): string[] {
  const down = rowsOf(rowOf(row, 'destinations'), 'down');
  if (down.length === 0) return [];
  const startedAt = timeOf(row, 'started_at') ?? 0;
  const now = startedAt + (numberOf(row, 'uptime') ?? 0) * 1000;
  const named = down
    .slice(0, NAMED_DESTINATIONS)
    .map((one) => `${textOf(one, 'name')} for ${sinceText(now, timeOf(one, 'since'))}`);
  const more = down.length - named.length;
  return [`destinations down: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`];
}

/** `destinations to look at: 192.0.2.10:25 (greylists), ... and 3 more` */
function hinderingDestinations(row: Row): string[] {
  const all = rowsOf(rowOf(row, 'destinations'), 'hindering');
  if (all.length === 0) return [];
  const named = all
    .slice(0, NAMED_DESTINATIONS)
    .map((one) => `${textOf(one, 'name')} (${[...new Set(wordsOf(one, 'habits'))].join(', ')})`);
  const more = all.length - named.length;
  return [`destinations to look at: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`];
}

/** `old signatures: clamav (27449 is 9 days old)` */
function oldSignatures(row: Row): string[] {
  const old = rowsOf(row, 'scanners')
    .map((one) => ({ name: textOf(one, 'name'), signatures: rowOf(one, 'signatures') }))
    .filter(({ signatures }) => signatures['age'] === 'old')
    .map(({ name, signatures }) => `${name} (${textOf(signatures, 'text')})`);
  return old.length === 0 ? [] : [`old signatures: ${old.join(', ')}`];
}

/** `ldap down: the directory of example.org, example.net` */
function silentDirectories(row: Row): string[] {
  const down = rowsOf(row, 'ldap').filter(({ up }) => up !== true);
  if (down.length === 0) return [];
  const whose = down.flatMap((one) => wordsOf(one, 'domains'));
  const more = whose.length - NAMED_DESTINATIONS;
  const named = whose.slice(0, NAMED_DESTINATIONS).join(', ');
  return [`ldap down: the directory of ${named}${more > 0 ? ` and ${more} more` : ''}`];
}

/** `not signed, record not seen: s2026._domainkey.example.org (there is no record)` */
function unsignedDomains(row: Row): string[] {
  return recordsNamed('not signed, record not seen', rowsOf(row, 'unsigned'));
}

/** `not found, so whose servers may send is old: _spf.example.net (no answer)` */
function lostRecords(row: Row): string[] {
  return recordsNamed('not found, so whose servers may send is old', rowsOf(row, 'lost'));
}

function recordsNamed(what: string, all: readonly Row[]): string[] {
  if (all.length === 0) return [];
  const named = all
    .slice(0, NAMED_DESTINATIONS)
    .map((one) => `${textOf(one, 'record')} (${textOf(one, 'text')})`);
  const more = all.length - named.length;
  return [`${what}: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`];
}

async function reload(cli: Cli, json: boolean): Promise<void> {
  const client = await cli.client();
  const row = await client.post('/api/v1/reload');
  const problems = rowsOf(row, 'problems');
  // Warnings are none of the step's own: it is done, and a service manager must not think it failed.
  if (row['ok'] !== true) cli.exit(EXIT.config);
  if (json) {
    await cli.terminal.out(jsonLine(row));
    return;
  }
  for (const problem of problems) await cli.terminal.out(`${problemLine(cli, problem)}\n`);
  const fixed = Array.isArray(row['needs_restart']) ? row['needs_restart'].join(', ') : '';
  const later = fixed === '' ? '' : `; in force only after a restart: ${printable(fixed)}`;
  await cli.terminal.out(
    row['ok'] === true ? `reloaded${later}\n` : 'refused: nothing was changed\n',
  );
}

/** As `sluice check` prints it. */
function problemLine(cli: Cli, problem: Row): string {
  const severity = textOf(problem, 'severity');
  const file = fileName(textOf(problem, 'file'), process.cwd());
  const place = [file, textOf(problem, 'line'), textOf(problem, 'col')].join(':');
  const shown = coloured(cli.terminal, severity === 'error' ? 'red' : 'yellow', severity);
  const text = `${textOf(problem, 'path')}: ${textOf(problem, 'text')}`;
  return `${printable(place)} ${shown} ${printable(text)}`;
}

async function stop(cli: Cli): Promise<void> {
  const client = await cli.client();
  const { pid } = asRow(await client.post('/api/v1/stop'));
  const until = cli.terminal.now() + STOP_MS;
  while (cli.terminal.now() < until) {
    try {
      await client.get('/api/v1/status');
    } catch (error) {
      if (error instanceof ControlFault && error.kind === 'unreachable') {
        if (typeof pid !== 'number' || !isRunning(pid)) {
          await cli.terminal.out('stopped\n');
          return;
        }
      }
    }
    await new Promise((resolve) => setTimeout(resolve, STOP_STEP_MS));
  }
  throw new CliFault(EXIT.tryLater, 'the gateway is stopping, but has not ended yet');
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
