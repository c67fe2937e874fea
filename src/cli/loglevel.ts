/**
 * `sluice loglevel [LEVEL|reset] [--for 10m] [--ip NETWORK]`: what the running gateway writes to its log,
 * and more of it for a while. The configuration stays what it is.
 */
import type { Command } from 'commander';
import { Argument } from 'commander';
import { LEVELS } from '../base/log-levels.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { age } from './queue-selection.ts';
import { rowOf, textOf, timeOf } from './row-reader.ts';
import { printable } from './terminal.ts';

const RESET = 'reset';
const DEFAULT_MS = 600_000;
const PATH = '/api/v1/log-level';

interface LogLevelOptions {
  /** Milliseconds. */
  readonly for?: number;
  readonly ip?: string;
  readonly json?: boolean;
}

export function addLogLevel(program: Command, cli: Cli): void {
  program
    .command('loglevel')
    .description('what is written to the log, and more of it for a while')
    .addArgument(
      new Argument(
        '[level]',
        'also written from now on; reset: no more than is configured',
      ).choices([...LEVELS, RESET]),
    )
    .option('--for <time>', 'how long, such as 90s, 10m, 4h; 10m when not given', age)
    .option('--ip <network>', 'only of clients with this address, or in this network')
    .option('--json', 'JSON')
    .action(async (level: string | undefined, options: LogLevelOptions) => {
      const row = await answer(cli, level, options);
      await cli.terminal.out(options.json === true ? jsonLine(row) : `${printable(text(row))}\n`);
    });
}

async function answer(
  cli: Cli,
  level: string | undefined,
  { for: ms, ip }: LogLevelOptions,
): Promise<Row> {
  const isFocus = level !== undefined && level !== RESET;
  if (!isFocus && (ms !== undefined || ip !== undefined))
    throw new CliFault(EXIT.usage, '--for and --ip go with a level');
  const client = await cli.client();
  if (level === undefined) return client.get(PATH);
  if (level === RESET) return client.delete(PATH);
  const until = new Date(cli.terminal.now() + (ms ?? DEFAULT_MS)).toISOString();
  return client.post(PATH, { level, until, ...(ip !== undefined && { ip }) });
}

function text(row: Row): string {
  const { focus } = row;
  const configured = `${textOf(row, 'level')} (log.level)`;
  if (focus === null || focus === undefined) return configured;
  const more = rowOf(row, 'focus');
  const ip = textOf(more, 'ip');
  const whose = ip === '' ? '' : ` of clients in ${ip}`;
  const until = new Date(timeOf(more, 'until') ?? 0).toISOString().replace(/\.\d+Z$/, 'Z');
  return `${configured}, and ${textOf(more, 'level')}${whose} until ${until}`;
}
