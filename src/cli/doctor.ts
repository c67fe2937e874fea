/**
 * `sluice doctor`: looks at the whole installation, whether a gateway runs on it or not, and says for
 * each thing how it is and what to do. Changes nothing and sends no mail. Exit codes as Nagios reads
 * them: 0 all well, 1 warnings only, 2 something failed, 3 something could not be told; 78 when the
 * configuration has errors: domain files that have them are left out, and with others only what does
 * not depend on it is looked at.
 */
import { systemClock } from '../base/clock.ts';
import { SILENT_LOG } from '../base/log.ts';
import { readVersion } from '../base/version.ts';
import { formatEndpoint } from '../config/endpoint.ts';
import { fileName, formatProblem } from '../config/problem.ts';
import { allChecks, checksOf, fewChecks } from '../doctor/checks/all.ts';
import type { Directory, Domain } from '../directory/domain.ts';
import type { Installation, Premises } from '../doctor/installation.ts';
import type { Check, Told } from '../doctor/rounds.ts';
import { makeRound } from '../doctor/rounds.ts';
import { createFilterCache } from '../dns/cached-resolver.ts';
import { createSystemResolver } from '../dns/system-resolver.ts';
import { loadGeneration } from '../gateway/generations.ts';
import type { Cli } from './cli.ts';
import { printRecords } from './doctor-records.ts';
import { askRunning } from './doctor-running.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import type { Colour } from './terminal.ts';
import { coloured, printable } from './terminal.ts';

export interface DoctorOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly records?: boolean;
}

const COLOURS: Readonly<Record<Told['status'], Colour>> = {
  PASS: 'green',
  WARN: 'yellow',
  FAIL: 'red',
  SKIP: 'dim',
};
const PROGRESS_MS = 3_000;

export async function doctor(
  cli: Cli,
  name: string | undefined,
  options: DoctorOptions,
): Promise<void> {
  const clock = systemClock;
  const running = await askRunning(cli);
  const premises: Premises = {
    data: await cli.dataFolder(),
    running,
    version: readVersion(),
    clock,
    place: (problem) => formatProblem(problem, process.cwd()),
  };
  const { loaded, problems, faulty } = await load(cli.configFile());
  if (!loaded.ok) {
    await tellAll(cli, fewChecks(premises, problems), options);
    cli.exit(EXIT.config);
    return;
  }
  const { config, generation, sources } = loaded;
  const { filters, directory } = generation;
  const servers = () => config.dnsServers?.map(formatEndpoint);
  const installation: Installation = {
    ...premises,
    ...{ config, directory, sources, problems },
    leftOut: [...faulty].map((file) => fileName(file, process.cwd())),
    resolver: createFilterCache(createSystemResolver({ clock, servers }), clock),
    askScanners: async (signal) =>
      (await filters.probes(signal)).map((probe) => ({
        name: probe.name,
        text: probe.text,
        up: probe.state === 'ok',
        signatures: probe.state === 'ok' ? probe.signatures : undefined,
      })),
  };
  try {
    const domain = name === undefined ? undefined : hosted(directory, name, faulty.size > 0);
    if (options.records === true) {
      const domains = domain === undefined ? directory.domains : [domain];
      await printRecords(cli, installation, domains, options.json === true);
      if (faulty.size > 0) {
        cli.terminal.err(
          `sluice: left out for errors: ${installation.leftOut.map(printable).join(', ')}\n`,
        );
        cli.exit(EXIT.config);
      }
      return;
    }
    const checks = domain === undefined ? allChecks(installation) : checksOf(installation, domain);
    const told = await tellAll(cli, checks, options);
    cli.exit(faulty.size > 0 ? EXIT.config : exitOf(told));
  } finally {
    await filters.stop();
  }
}

/** When there are errors, once more without the domain files that have them. */
async function load(file: string) {
  const around = { clock: systemClock, log: SILENT_LOG, scannerAddresses: {} };
  const whole = await loadGeneration(file, around);
  if (whole.ok) return { loaded: whole, problems: whole.warnings, faulty: new Set<string>() };
  const { problems } = whole;
  const errors = problems.filter(({ severity }) => severity === 'error');
  const faulty = new Set(errors.map((problem) => problem.file));
  return { loaded: await loadGeneration(file, { ...around, leftOut: faulty }), problems, faulty };
}

function hosted(directory: Directory, name: string, isPart: boolean): Domain {
  const domain = directory.find(name);
  if (domain !== undefined) return domain;
  if (!isPart) throw new CliFault(EXIT.nothing, `${name} is not served here`);
  throw new CliFault(
    EXIT.config,
    `${name} is not served here, or its file has errors: sluice check`,
  );
}

async function tellAll(
  cli: Cli,
  checks: readonly Check[],
  options: DoctorOptions,
): Promise<Told[]> {
  const { terminal } = cli;
  const { json = false, quiet = false } = options;
  const isWatched = terminal.columns !== undefined && !json;
  let progress = '';
  const timer = systemClock.timer(PROGRESS_MS, () => {
    if (progress !== '') terminal.err(`… ${printable(progress)}\n`);
    timer.restart();
  });
  if (!isWatched) timer.stop();
  const onDone = (done: number, open: readonly string[]) => {
    progress = `${done} of ${checks.length} done, waiting for ${open.join(', ')}`;
  };
  const all: Told[] = [];
  try {
    for await (const told of makeRound(checks, { clock: systemClock, onDone })) {
      all.push(told);
      if (quiet && !needsSomebody(told)) continue;
      await terminal.out(json ? jsonLine(jsonRow(told)) : rowText(cli, told));
    }
  } finally {
    timer.stop();
  }
  if (!json) await terminal.out(`${summary(all)}\n`);
  return all;
}

function needsSomebody({ status, isUnsure }: Told): boolean {
  return status === 'WARN' || status === 'FAIL' || isUnsure === true;
}

function exitOf(all: readonly Told[]): number {
  if (all.some(({ status }) => status === 'FAIL')) return EXIT.failed;
  if (all.some(({ isUnsure }) => isUnsure)) return EXIT.unsure;
  return all.some(({ status }) => status === 'WARN') ? EXIT.nothing : EXIT.done;
}

function jsonRow({ group, check, status, detail, fix, isUnsure, ms }: Told) {
  const more = { ...(fix !== undefined && { fix }), ...(isUnsure && { unsure: true }) };
  return { v: 1, kind: 'doctor', group, check, status, detail, ...more, ms };
}

const GROUP_WIDTH = 8;
const CHECK_WIDTH = 18;

function rowText({ terminal }: Cli, { group, check, status, detail, fix }: Told): string {
  const shown = coloured(terminal, COLOURS[status], status);
  const line = `${group.padEnd(GROUP_WIDTH)} ${shown} ${printable(check).padEnd(CHECK_WIDTH)} ${printable(detail)}`;
  if (fix === undefined) return `${line}\n`;
  // A script finds all of a check in one line; a person finds what to do.
  const advice = `→ ${printable(fix)}`;
  return terminal.columns === undefined
    ? `${line}  ${advice}\n`
    : `${line}\n${' '.repeat(GROUP_WIDTH + 6)}${advice}\n`;
}

/** `2 failed, 3 warnings, 1 not told, 11 passed` */
function summary(all: readonly Told[]): string {
  const count = (status: Told['status']) => all.filter((told) => told.status === status).length;
  const warnings = count('WARN');
  const untold = all.filter(({ isUnsure }) => isUnsure).length;
  return [
    `${count('FAIL')} failed`,
    `${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`,
    ...(untold > 0 ? [`${untold} could not be told`] : []),
    `${count('PASS')} passed`,
  ].join(', ');
}
