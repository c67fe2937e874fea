/**
 * `sluice destination check DOMAIN`: whether a customer's servers meet the conditions under which the
 * gateway can serve them, test by test with what to do. Exit codes as Nagios reads them: 0 ready, 1
 * warnings, 2 not ready, 3 cannot tell.
 */
import type { Command } from 'commander';
import { ControlFault } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { textOf } from './row-reader.ts';
import type { Colour } from './terminal.ts';
import { coloured, printable } from './terminal.ts';

interface CheckOptions {
  readonly rcpt?: string;
  readonly sendTests?: boolean;
  readonly json?: boolean;
}

const COLOURS: Readonly<Record<string, Colour>> = {
  PASS: 'green',
  WARN: 'yellow',
  FAIL: 'red',
  SKIP: 'dim',
};
/** Without an answer to one of these nothing can be said. */
const NEEDED = ['reach', 'unknown-rcpt'];

export function addDestinationCheck(destination: Command, cli: Cli): void {
  destination
    .command('check')
    .description(
      "examine a domain's server: reachable, refuses unknown recipients, no greylisting …",
    )
    .argument('<domain>')
    .option('--rcpt <address>', 'a recipient who is there; else postmaster is asked for')
    .option('--send-tests', 'send five test mails to that recipient, filter patterns among them')
    .option('--json', 'JSON Lines')
    .action((domain: string, options: CheckOptions) => check(cli, domain, options));
}

async function check(cli: Cli, domain: string, options: CheckOptions): Promise<void> {
  const { rcpt, sendTests = false, json = false } = options;
  if (sendTests && rcpt === undefined) {
    throw new CliFault(EXIT.usage, '--send-tests needs --rcpt: somebody must get the mails');
  }
  const { terminal } = cli;
  const client = await cli.client();
  const path = `/api/v1/destinations/${encodeURIComponent(domain)}/check`;
  const rows: Row[] = [];
  try {
    for await (const row of client.rows(path, {
      body: { rcpt, send_tests: sendTests },
      live: true,
    })) {
      if (row['kind'] === 'check-progress') {
        if (!json && terminal.columns !== undefined)
          terminal.err(`… ${printable(textOf(row, 'text'))}\n`);
        continue;
      }
      const isNext = rows.at(-1)?.['dest'] !== row['dest'];
      rows.push(row);
      if (isNext && !json && Number(row['servers']) > 1)
        await terminal.out(`server ${printable(textOf(row, 'dest'))}\n`);
      await terminal.out(json ? jsonLine(row) : `${rowText(cli, row)}\n`);
    }
  } catch (error) {
    if (!(error instanceof ControlFault)) throw error;
    if (error.status === 404) throw new CliFault(EXIT.nothing, error.message);
    if (error.status === 429) throw new CliFault(EXIT.tryLater, error.message);
    throw error;
  }
  const count = (status: string) => rows.filter((row) => row['status'] === status).length;
  const failed = count('FAIL');
  const warnings = count('WARN');
  const byServer = [...Map.groupBy(rows, (row) => row['dest']).values()];
  const isTold =
    byServer.length > 0 &&
    byServer.every((own) =>
      NEEDED.every((test) => own.some((row) => row['test'] === test && row['status'] !== 'SKIP')),
    );
  if (failed > 0) cli.exit(EXIT.failed);
  else if (!isTold) cli.exit(EXIT.unsure);
  else if (warnings > 0) cli.exit(EXIT.nothing);
  if (json) return;
  const verdict = failed > 0 ? 'NOT READY' : isTold ? 'READY' : 'CANNOT TELL';
  const counts =
    failed + warnings > 0
      ? ` (${failed} failed, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'})`
      : '';
  await terminal.out(`${printable(domain)}: ${verdict}${counts}\n`);
}

function rowText({ terminal }: Cli, row: Row): string {
  const status = textOf(row, 'status');
  const fix = textOf(row, 'fix');
  const line = `${textOf(row, 'test').padEnd(13)} ${textOf(row, 'detail')}${fix === '' ? '' : `\n${' '.repeat(19)}→ ${fix}`}`;
  const text = line.split('\n').map(printable).join('\n');
  return `${coloured(terminal, COLOURS[status], status.padEnd(4))} ${text}`;
}
