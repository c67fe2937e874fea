/**
 * `sluice store check|repair`: the store of a gateway that does not run. `check` changes nothing;
 * `repair` keeps the store as it was beside it, and asks first. Nothing of this ever happens by
 * itself. Exit codes of both: 0 all well, 1 something was found, 2 it could not be done.
 */
import type { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import { ControlFault } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { textOf } from './row-reader.ts';
import { printable } from './terminal.ts';

/** Findings shown one by one; `--json` shows all. */
const MAX_SHOWN = 100;

const NO_START = ', and a gateway does not start on it';
const MAY_START = '; a gateway may start on it and run without what it cannot read';

interface StoreOptions {
  readonly json?: boolean;
  readonly yes?: boolean;
}

export function addStore(program: Command, cli: Cli): void {
  const store = program.command('store').description('the store of a gateway that does not run');
  store
    .command('check')
    .description('look at every message and index; change nothing')
    .option('--json', 'JSON Lines')
    .action((options: StoreOptions) => whileStopped(cli, () => check(cli, options)));
  store
    .command('repair')
    .description('save what can be saved; the store as it was is kept')
    .option('--json', 'JSON Lines')
    .option('-y, --yes', 'do not ask')
    .action((options: StoreOptions) => whileStopped(cli, () => repair(cli, options)));
}

async function check(cli: Cli, { json = false }: StoreOptions): Promise<void> {
  const { checkStore } = await import('../gateway/offline-store.ts');
  const findings = new Findings(cli, json);
  const report = await checkStore(await cli.dataFolder(), systemClock, (row) => findings.tell(row));
  const { messages, damage, opens } = report;
  if (json) {
    await cli.terminal.out(jsonLine({ v: 1, kind: 'store', ...report, ...findings.counts }));
  } else {
    if (damage !== undefined)
      await cli.terminal.out(
        `the store is damaged${opens ? MAY_START : NO_START}: ${printable(damage)}\n` +
          'what follows is what "sluice store repair" would find after saving what can be saved\n',
      );
    await cli.terminal.out(`${counted(messages)} whole and in place; ${findings.summary()}\n`);
  }
  if (damage !== undefined) cli.exit(EXIT.failed);
  else if (findings.total > 0) cli.exit(EXIT.nothing);
}

async function repair(cli: Cli, { json = false, yes = false }: StoreOptions): Promise<void> {
  if (!yes) await confirm(cli);
  const { repairStore } = await import('../gateway/offline-store.ts');
  const findings = new Findings(cli, json);
  const data = await cli.dataFolder();
  const { messages, wasRebuilt, before } = await repairStore(data, systemClock, (row) =>
    findings.tell(row),
  );
  if (json) {
    const row = { v: 1, kind: 'repair', messages, rebuilt: wasRebuilt, before, ...findings.counts };
    await cli.terminal.out(jsonLine(row));
  } else {
    if (wasRebuilt)
      await cli.terminal.out(
        'the database was rebuilt from its files; a message that had been delivered may be there again\n',
      );
    await cli.terminal.out(
      `${counted(messages)} were whole and in place; ${findings.summary()}\n` +
        `the store as it was: ${printable(before)}\n`,
    );
  }
  if (wasRebuilt || findings.total > 0) cli.exit(EXIT.nothing);
}

async function confirm(cli: Cli): Promise<void> {
  const answer = await cli.terminal.ask('repair the store? It is kept as it was, beside. [y/N] ');
  if (answer === undefined) throw new CliFault(EXIT.usage, 'this changes the store; say --yes');
  if (!/^y(es)?$/i.test(answer)) throw new CliFault(EXIT.nothing, 'nothing was done');
}

/** Refuses while the gateway runs: it has the store, and not every damage shows that. */
export async function whileStopped(cli: Cli, work: () => Promise<void>): Promise<void> {
  if (await isRunning(cli)) throw new CliFault(EXIT.failed, 'the gateway runs; stop it first');
  try {
    await work();
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const advice = error.code === 'STORE_LOCKED' ? '; stop the gateway first' : '';
    throw new CliFault(EXIT.failed, `${error.message}${advice}`);
  }
}

async function isRunning(cli: Cli): Promise<boolean> {
  try {
    await (await cli.client()).get('/api/v1/status');
    return true;
  } catch (error) {
    if (error instanceof ControlFault && error.kind === 'unreachable') return false;
    throw error;
  }
}

class Findings {
  readonly counts: Record<string, number> = {};
  total = 0;
  readonly #cli: Cli;
  readonly #json: boolean;

  constructor(cli: Cli, json: boolean) {
    this.#cli = cli;
    this.#json = json;
  }

  async tell(row: Row): Promise<void> {
    const what = textOf(row, 'what');
    this.counts[what] = (this.counts[what] ?? 0) + 1;
    this.total++;
    if (this.#json) await this.#cli.terminal.out(jsonLine(row));
    else if (this.total <= MAX_SHOWN) await this.#cli.terminal.out(this.#line(row));
  }

  summary(): string {
    const counts = Object.entries(this.counts).map(([what, count]) => `${count} ${what}`);
    return counts.length === 0 ? 'nothing is wrong' : counts.join(', ');
  }

  #line(row: Row): string {
    return `${textOf(row, 'what')}  ${printable(textOf(row, 'about'))}  ${textOf(row, 'text')}\n`;
  }
}

function counted(messages: number): string {
  return `${messages} message${messages === 1 ? '' : 's'}`;
}
