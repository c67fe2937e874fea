/**
 * `sluice account lock|unlock` and `sluice identity list|lock|unlock|reset`: who may not send for now.
 * All of it is asked of the running gateway, which keeps locks in its store.
 */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { EXIT } from './exit.ts';
import type { ListingOptions } from './listing.ts';
import { jsonLine, printListing, withListingOptions } from './listing.ts';
import { parseAge, untilText } from './quantity.ts';
import { rowOf, textOf, timeOf } from './row-reader.ts';
import type { Column } from './table.ts';
import { printable } from './terminal.ts';

interface StepOptions {
  readonly for?: number;
  readonly why?: string;
  readonly json?: boolean;
}

/** What the gateway answers when it was done. */
const DONE = { lock: 'locked', unlock: 'unlocked', reset: 'reset' } as const;
type Step = keyof typeof DONE;

export function addAccountLocks(account: Command, cli: Cli): void {
  for (const step of ['lock', 'unlock'] as const) {
    const text = step === 'lock' ? 'nobody may send with it' : 'end a lock';
    const command = account.command(step).description(text);
    withStepOptions(command.argument('<account>', 'as in "account list"'), step).action(
      (name: string, options: StepOptions) => take(cli, step, { account: name }, options),
    );
  }
}

/**
 * The rows of the account list with what the running gateway knows of each: whether it is locked, its
 * recipients of today, and the networks that an SPF record names. Without a running gateway they are
 * as they were.
 */
export async function* withLocks(
  cli: Cli,
  rows: AsyncIterable<Row> | Iterable<Row>,
): AsyncGenerator<Row> {
  const known = new Map<string, Row>();
  try {
    const client = await cli.client();
    for await (const row of client.rows('/api/v1/accounts/locks')) {
      known.set(textOf(row, 'account'), row);
    }
  } catch {
    known.clear();
  }
  for await (const row of rows) {
    const { lock, today, networks, found_at, fault } = known.get(textOf(row, 'name')) ?? {};
    const state = lock === undefined ? row['state'] : 'locked';
    const more = { lock, today, networks, found_at, fault };
    const there = Object.entries(more).filter(([, value]) => value !== undefined);
    yield { ...row, state, ...Object.fromEntries(there) };
  }
}

export function addIdentity(program: Command, cli: Cli): void {
  const identity = program.command('identity').description('who is behind an account');
  withListingOptions(identity.command('list').description('those that sent today or are locked'))
    .argument('[account]', 'behind this account only')
    .option('--domain <domain>', 'of this domain only')
    .action(async (account: string | undefined, options: ListingOptions & { domain?: string }) => {
      const client = await cli.client();
      const query = new URLSearchParams();
      if (account !== undefined) query.set('account', account);
      if (options.domain !== undefined) query.set('domain', options.domain.toLowerCase());
      const rows = client.rows(`/api/v1/identities?${query.toString()}`);
      await printListing(cli, columnsAt(cli.terminal.now()), rows, options, 'identities');
    });
  for (const [step, text] of [
    ['lock', 'it may not send'],
    ['unlock', 'end a lock'],
    ['reset', 'its counters begin anew; a lock stays'],
  ] as const) {
    const command = identity
      .command(step)
      .description(text)
      .argument('<account>', 'as in "account list"')
      .argument('<identity>', 'as in "identity list"');
    withStepOptions(command, step).action((account: string, name: string, options: StepOptions) =>
      take(cli, step, { account, identity: name }, options),
    );
  }
}

function withStepOptions(command: Command, step: Step): Command {
  const wide = command.option('--json', 'JSON Lines');
  if (step !== 'lock') return wide;
  return wide
    .option('--for <time>', 'ends by itself after, such as 60m, 4h, 2d', duration)
    .option('--why <text>', 'the reason, for the log and whoever looks');
}

async function take(
  cli: Cli,
  step: Step,
  whose: Readonly<Record<string, string>>,
  { for: ms, why, json = false }: StepOptions,
): Promise<void> {
  const client = await cli.client();
  const until = ms === undefined ? {} : { until: new Date(cli.terminal.now() + ms).toISOString() };
  const body = { ...whose, ...until, ...(why !== undefined && { why }) };
  const row = await client.post(`/api/v1/accounts/actions/${step}`, body);
  const result = textOf(row, 'result');
  if (result !== DONE[step]) cli.exit(EXIT.nothing);
  const end = textOf(row, 'until');
  const text = `${textOf(row, 'id')} ${result}${end === '' ? '' : ` until ${end}`}`;
  await cli.terminal.out(json ? jsonLine(row) : `${printable(text)}\n`);
}

/** Those that mail gateways with identities have. */
function columnsAt(now: number): readonly Column[] {
  const lock = (row: Row) => rowOf(row, 'lock');
  return [
    { name: 'DOMAIN', value: (row) => textOf(row, 'domain'), min: 10, drop: 1 },
    { name: 'ACCOUNT', value: (row) => textOf(row, 'account'), min: 12, drop: 3 },
    { name: 'IDENTITY', value: (row) => textOf(row, 'identity'), min: 16, isTelling: true },
    { name: 'TODAY', value: (row) => textOf(row, 'today'), align: 'right' },
    {
      name: 'LOCKED',
      value: (row) => lockedText(row, now),
      colour: (value) => (value === '' ? undefined : 'red'),
    },
    { name: 'AUTO-UNLOCKS', value: (row) => textOf(row, 'auto_unlocks'), align: 'right', drop: 1 },
    { name: 'BY', value: (row) => textOf(lock(row), 'by'), drop: 2 },
    { name: 'REASON', value: (row) => textOf(lock(row), 'text'), min: 10, drop: 4 },
  ];
}

/** `for 42m`, `until unlocked`, or nothing. */
export function lockedText(row: Row, now: number): string {
  const lock = rowOf(row, 'lock');
  if (textOf(lock, 'at') === '') return '';
  const until = timeOf(lock, 'until');
  return until === undefined ? 'until unlocked' : `for ${untilText(now, until)}`;
}

function duration(text: string): number {
  const ms = parseAge(text);
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError('a time such as 60m, 4h, 2d');
  return ms;
}
