/** `sluice destination list|show`: the customers' servers, how they are and how they were. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { ControlFault } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { addDestinationCheck } from './destination-check.ts';
import { CliFault, EXIT } from './exit.ts';
import type { ListingOptions } from './listing.ts';
import { jsonLine, printListing, withListingOptions } from './listing.ts';
import { ageText, parseAge, sinceText, untilText } from './quantity.ts';
import { numberOf, rowOf, rowsOf, textOf, timeOf, wordsOf } from './row-reader.ts';
import type { Column } from './table.ts';
import { printable } from './terminal.ts';

export function addDestination(program: Command, cli: Cli): void {
  const destination = program.command('destination').description('servers of the customers');
  const list = destination.command('list').description('all of them, with their health');
  withListingOptions(list).action(async (options: ListingOptions) => {
    const client = await cli.client();
    const columns = destinationColumns(cli.terminal.now());
    await printListing(cli, columns, client.rows('/api/v1/destinations'), options, 'destinations');
  });
  destination
    .command('show')
    .description("all about one domain's: state, history, last answers, connections")
    .argument('<domain>')
    .option('--json', 'JSON')
    .action(async (name: string, options: { json?: boolean }) => {
      const row = await findDestination(cli, name);
      const text = options.json === true ? jsonLine(row) : detailText(row, cli.terminal.now());
      await cli.terminal.out(text);
    });
  addDestinationCheck(destination, cli);
  addHolds(destination, cli, 'hold', 'hold the server of a domain', false);
}

const NOT_SERVED = '(not served)';

interface HoldOptions {
  readonly for?: number;
  readonly why?: string;
  readonly only?: boolean;
  readonly json?: boolean;
}

/** `destination hold|resume` for all domains of a server; `queue pause|resume` for one domain. */
export function addHolds(noun: Command, cli: Cli, verb: string, about: string, alone: boolean) {
  const hold = noun
    .command(verb)
    .description(`${about}: its mail is taken and kept, nothing is tried`)
    .argument('<domain>')
    .option('--for <age>', 'how long, such as 2h; until it is resumed when not given', parseFor)
    .option('--why <text>', 'reason, for log and listing')
    .option('--json', 'JSON Lines');
  const resume = noun
    .command('resume')
    .description('end that; what waits is tried at once')
    .argument('<domain>')
    .option('--json', 'JSON Lines');
  for (const command of [hold, resume]) {
    if (!alone) command.option('--only', 'this domain alone, not all that share its destination');
  }
  hold.action(async (domain: string, options: HoldOptions) => {
    const { for: ms, why = '', only = alone, json = false } = options;
    const until = ms === undefined ? undefined : new Date(cli.terminal.now() + ms).toISOString();
    await change(cli, `${domainPath(domain)}/hold`, { alone: only, why, until }, 'held', json);
  });
  resume.action(async (domain: string, { only = alone, json = false }: HoldOptions) => {
    await change(cli, `${domainPath(domain)}/resume`, { alone: only }, 'resumed', json);
  });
}

async function change(
  cli: Cli,
  path: string,
  body: Row,
  done: string,
  json: boolean,
): Promise<void> {
  const client = await cli.client();
  let count = 0;
  try {
    for await (const row of client.rows(path, { body })) {
      if (textOf(row, 'result') === done) count += 1;
      const line = `${textOf(row, 'id')}  ${textOf(row, 'result')}`;
      await cli.terminal.out(json ? jsonLine(row) : `${printable(line)}\n`);
    }
  } catch (error) {
    if (error instanceof ControlFault && error.status === 404)
      throw new CliFault(EXIT.nothing, error.message);
    throw error;
  }
  if (count === 0) cli.exit(EXIT.nothing);
}

function domainPath(domain: string): string {
  return `/api/v1/destinations/${encodeURIComponent(domain)}`;
}

function parseFor(text: string): number {
  const ms = parseAge(text);
  if (ms === undefined || ms === 0)
    throw new InvalidArgumentError('must be a time such as 90s, 30m, 2h, 1d');
  return ms;
}

async function findDestination(cli: Cli, domain: string): Promise<Row> {
  const client = await cli.client();
  try {
    return await client.get(domainPath(domain));
  } catch (error) {
    if (error instanceof ControlFault && error.status === 404)
      throw new CliFault(EXIT.nothing, `${domain} is not served here`);
    throw error;
  }
}

function detailText(row: Row, now: number): string {
  const isServed = textOf(row, 'name') !== '';
  const lines = isServed ? servedLines(row, now) : factLines(heldFacts(row, now));
  return lines.map((line) => `${printable(line)}\n`).join('');
}

/** Of a domain that is not served any more nothing is left but that somebody holds it. */
function heldFacts(row: Row, now: number): [string, string][] {
  return [
    ['destination', NOT_SERVED],
    ['domains', wordsOf(row, 'domains').join(', ')],
    ...rowsOf(row, 'holds').map((hold): [string, string] => ['held', holdText(hold, now)]),
    ['waiting', textOf(row, 'waiting')],
  ];
}

function servedLines(row: Row, now: number): string[] {
  return [
    ...factLines(servedFacts(row, now)),
    ...section('history', rowsOf(row, 'history'), (one) => textOf(one, 'state')),
    ...section('last answers', rowsOf(row, 'answers'), (one) => textOf(one, 'kind')),
  ];
}

function factLines(facts: readonly (readonly [string, string])[]): string[] {
  return facts.map(([name, value]) => `${name.padEnd(12)} ${value}`);
}

function servedFacts(row: Row, now: number): [string, string][] {
  const ago = (name: string) => {
    const at = timeOf(row, name);
    return at === undefined ? 'none yet' : `${ageText(now - at)} ago`;
  };
  const since = timeOf(row, 'since');
  const last = textOf(row, 'last');
  const connections = rowOf(row, 'connections');
  const pace = rowOf(row, 'pace');
  const isDraining = numberOf(pace, 'limit') !== undefined;
  const waitingBy = rowsOf(row, 'waiting_by');
  const perDomain = waitingBy
    .map((one) => `${textOf(one, 'domain')} ${textOf(one, 'messages')}`)
    .join(', ');
  return [
    ['destination', textOf(row, 'name')],
    ['domains', wordsOf(row, 'domains').join(', ')],
    [
      'state',
      `${textOf(row, 'state')}${since === undefined ? '' : ` for ${ageText(now - since)}`}`,
    ],
    ...adviceOf(row).map((advice): [string, string] => ['', advice]),
    ...rowsOf(row, 'holds').map((hold): [string, string] => ['held', holdText(hold, now)]),
    ...rowsOf(row, 'habits').map((seen): [string, string] => ['warning', habitText(seen, now)]),
    ['good answer', ago('good_at')],
    // A connection that was refused is a try as well: nobody was seen.
    ['last try', last === '' ? ago('last_at') : `${ago('last_at')}: ${last}`],
    ['next probe', untilText(now, timeOf(row, 'next_probe_at')) || '-'],
    ['waiting', `${textOf(row, 'waiting')}${waitingBy.length > 1 ? ` (${perDomain})` : ''}`],
    [
      'connections',
      `${textOf(connections, 'busy')} at work, ${textOf(connections, 'kept')} kept, ` +
        `${textOf(connections, 'waiting')} wait for one; at most ${textOf(connections, 'max')}`,
    ],
    [
      'pace',
      isDraining
        ? `${textOf(pace, 'running')} from the queue now, at most ${textOf(pace, 'limit')}`
        : '-',
    ],
  ];
}

/** What the state means, if it means anything for people. */
function adviceOf(row: Row): string[] {
  const advice = textOf(row, 'advice');
  return advice === '' ? [] : [advice];
}

/** `for 3d: greylists this gateway: ...; what to do (last: 450 4.2.0 Greylisted)` */
function habitText(seen: Row, now: number): string {
  const domain = textOf(seen, 'domain');
  const evidence = textOf(seen, 'evidence');
  const whose = domain === '' ? `for ${sinceText(now, timeOf(seen, 'since'))}` : domain;
  return `${whose}: ${textOf(seen, 'advice')}${evidence === '' ? '' : ` (last: ${evidence})`}`;
}

/** `example.org by root for 2h: maintenance` */
function holdText(hold: Row, now: number): string {
  const until = timeOf(hold, 'until');
  const end = until === undefined ? 'until it is resumed' : `for ${ageText(until - now)} more`;
  const why = textOf(hold, 'text');
  return `${textOf(hold, 'domain')} by ${textOf(hold, 'by')} ${end}${why === '' ? '' : `: ${why}`}`;
}

/** Newest first, as one reads it. */
function section(title: string, rows: readonly Row[], word: (row: Row) => string): string[] {
  const lines = rows.toReversed().map((row) => {
    const ms = numberOf(row, 'ms');
    const took = ms === undefined ? '' : `${Math.round(ms)} ms`;
    const text = textOf(row, 'text') || took;
    return `  ${textOf(row, 'at')}  ${word(row).padEnd(11)} ${text}`.trimEnd();
  });
  return [`${title}:`, ...(lines.length === 0 ? ['  none'] : lines)];
}

/** What a single host said needs no second name of it in the same line. */
function lastText(row: Row): string {
  const name = `${textOf(row, 'name')}: `;
  const last = textOf(row, 'last');
  return last.startsWith(name) ? last.slice(name.length) : last;
}

/** `up,accepts_all`: what an operator should look at stands behind the state. */
function stateText(row: Row): string {
  const habits = rowsOf(row, 'habits').map((seen) => textOf(seen, 'habit'));
  const held = rowsOf(row, 'holds').length > 0 ? ['held'] : [];
  return [textOf(row, 'state'), ...held, ...new Set(habits)].join(',');
}

function destinationColumns(now: number): readonly Column[] {
  return [
    {
      name: 'DESTINATION',
      value: (row) => textOf(row, 'name') || NOT_SERVED,
      max: 40,
      min: 20,
    },
    {
      name: 'STATE',
      value: stateText,
      colour: (state) =>
        state === 'up'
          ? 'green'
          : state === 'down'
            ? 'red'
            : state === 'unknown'
              ? 'dim'
              : 'yellow',
    },
    {
      name: 'SINCE',
      value: (row) => sinceText(now, timeOf(row, 'since')),
      align: 'right',
    },
    { name: 'WAITING', value: (row) => textOf(row, 'waiting'), align: 'right' },
    { name: 'PROBE', value: (row) => untilText(now, timeOf(row, 'next_probe_at')), align: 'right' },
    {
      name: 'SEEN',
      value: (row) => sinceText(now, timeOf(row, 'last_at')),
      align: 'right',
      drop: 1,
    },
    {
      name: 'DOMAINS',
      value: (row) => wordsOf(row, 'domains').join(','),
      max: 40,
      min: 11,
      drop: 2,
    },
    { name: 'LAST', value: lastText, min: 18, isTelling: true },
  ];
}
