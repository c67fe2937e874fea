/**
 * `sluice queue health`, a line for Nagios and its relatives with their exit codes, and
 * `sluice queue shape`, what waits by age.
 */
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { SHAPE_BY } from '../control/queue-shape.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { EXIT } from './exit.ts';
import type { ListingOptions } from './listing.ts';
import { jsonLine, printListing, withListingOptions } from './listing.ts';
import { ageText, parseAge } from './quantity.ts';
import { numberOf, rowOf, textOf } from './row-reader.ts';
import type { Column } from './table.ts';

interface Threshold {
  readonly messages: number;
  readonly ageMs: number;
}

interface HealthOptions {
  readonly warn: Threshold;
  readonly crit: Threshold;
  readonly json?: boolean;
}

interface ShapeOptions extends ListingOptions {
  readonly by?: string;
  readonly s?: boolean;
  readonly state?: string;
}

const LEVELS = [
  { word: 'OK', exit: EXIT.done },
  { word: 'WARNING', exit: EXIT.nothing },
  { word: 'CRITICAL', exit: EXIT.failed },
] as const;
const MINUTES = ['5', '10', '20', '40', '80', '160', '320', '640', '1280', '1280+'];
const SECOND = 1000;

export function addQueueState(queue: Command, cli: Cli): void {
  queue
    .command('health')
    .description('one line and an exit code (0, 1, 2; 3 unknown) for monitoring')
    .addOption(thresholdOption('--warn', 'warn from here on', '50:30m'))
    .addOption(thresholdOption('--crit', 'critical from here on', '500:4h'))
    .option('--json', 'JSON')
    .action((options: HealthOptions) => health(cli, options));
  withListingOptions(
    queue
      .command('shape')
      .description('what waits, by age in minutes, busiest first')
      .addOption(
        new Option('--by <what>', 'counted by; dest when not given').choices([...SHAPE_BY]),
      )
      .addOption(new Option('-s', 'by sender, as --by from').conflicts('by'))
      .addOption(new Option('--state <state>').choices(['active', 'deferred', 'hold'])),
  ).action(async ({ s: bySender, by, state, ...options }: ShapeOptions) => {
    const what = by ?? (bySender === true ? 'from' : 'dest');
    const client = await cli.client();
    const query = new URLSearchParams({ by: what, ...(state !== undefined && { state }) });
    const rows = client.rows(`/api/v1/queue/shape?${query.toString()}`);
    await printListing(cli, shapeColumns(), rows, options, 'messages');
  });
}

async function health(cli: Cli, { warn, crit, json = false }: HealthOptions): Promise<void> {
  let row: Row;
  try {
    row = await (await cli.client()).get('/api/v1/queue/health');
  } catch (error) {
    // To a monitor that cannot tell, a gateway that does not answer is UNKNOWN, not an error of usage.
    const text = error instanceof Error ? error.message : String(error);
    await cli.terminal.out(`UNKNOWN ${text}\n`);
    cli.exit(EXIT.unsure);
    return;
  }
  const messages = numberOf(row, 'messages') ?? 0;
  const oldestMs = (numberOf(row, 'oldest') ?? 0) * SECOND;
  const isBeyond = (limit: Threshold) => messages >= limit.messages || oldestMs >= limit.ageMs;
  const level = LEVELS[isBeyond(crit) ? 2 : isBeyond(warn) ? 1 : 0];
  cli.exit(level.exit);
  if (json) {
    await cli.terminal.out(jsonLine({ ...row, state: level.word }));
    return;
  }
  // Down, as in the age of the sentence.
  const seconds = (ms: number) => Math.floor(ms / SECOND);
  const figures = [
    `messages=${messages};${warn.messages};${crit.messages}`,
    `oldest=${seconds(oldestMs)}s;${seconds(warn.ageMs)};${seconds(crit.ageMs)}`,
    `held=${textOf(row, 'hold')}`,
  ];
  const text = `${level.word} queue ${messages} oldest ${ageText(oldestMs)}`;
  await cli.terminal.out(`${text} | ${figures.join(' ')}\n`);
}

function shapeColumns(): Column[] {
  return [
    { name: 'WHAT', value: (row) => textOf(row, 'key'), max: 40 },
    { name: 'T', value: (row) => textOf(row, 'total'), align: 'right' },
    ...MINUTES.map((minutes): Column => ({
      name: minutes,
      value: (row) => textOf(rowOf(row, 'buckets'), minutes),
      align: 'right',
    })),
  ];
}

function thresholdOption(flag: string, text: string, usual: string): Option {
  return new Option(`${flag} <messages:age>`, text)
    .argParser(threshold)
    .default(threshold(usual), usual);
}

/** `50:30m` */
function threshold(text: string): Threshold {
  const [messages = '', age = ''] = text.split(':');
  const ageMs = parseAge(age);
  if (!/^\d{1,9}$/.test(messages) || ageMs === undefined)
    throw new InvalidArgumentError('must be a number of messages and an age, such as 50:30m');
  return { messages: Number(messages), ageMs };
}
