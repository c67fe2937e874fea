/**
 * `sluice queue retry|hold|release|delete|requeue|expire`. Explicit ids are done at once; filters and
 * `ALL` ask on a terminal and need `--yes` elsewhere; `--dry-run` shows what would be hit. Deleting tells nobody:
 * with forged senders any notice would be backscatter.
 */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Endpoint } from '../config/endpoint.ts';
import { parseEndpoint } from '../config/endpoint.ts';
import type { ControlClient } from '../control/client.ts';
import { ControlFault } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import { confirm, countText, takeSteps } from './bulk-steps.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { printQueue } from './queue-list.ts';
import type { FilterOptions, Selection } from './queue-selection.ts';
import { age, listQueue, selectionOf, withFilterOptions } from './queue-selection.ts';
import { rowOf, textOf, wordsOf } from './row-reader.ts';
import { printable } from './terminal.ts';

interface ActionOptions extends FilterOptions {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly why?: string;
  /** Milliseconds. */
  readonly for?: number;
  readonly toHost?: Endpoint;
  readonly back?: boolean;
}

interface Verb {
  readonly name: string;
  readonly description: string;
  /** What the gateway answers when it was done. */
  readonly done: readonly string[];
  readonly takesReason?: boolean;
  readonly takesHost?: boolean;
  readonly takesTime?: boolean;
}

interface Wish {
  readonly json: boolean;
  readonly yes: boolean;
  readonly why: string;
  readonly forMs: number | undefined;
  readonly toHost: Endpoint | undefined;
}

const VERBS: readonly Verb[] = [
  { name: 'retry', description: 'try at once', done: ['retried'] },
  {
    name: 'hold',
    description: 'keep until released',
    done: ['held'],
    takesReason: true,
    takesTime: true,
  },
  { name: 'release', description: 'end a hold and try at once', done: ['released'] },
  {
    name: 'delete',
    description: 'remove for good, telling nobody',
    done: ['deleted'],
    takesReason: true,
  },
  {
    name: 'requeue',
    description: 'give to another host, or back to its own destination',
    done: ['requeued'],
    takesReason: true,
    takesHost: true,
  },
  {
    name: 'expire',
    description: 'end the lifetime: reported to a proven sender, else held',
    done: ['expired', 'held'],
    takesReason: true,
  },
];

const SMTP_PORT = 25;

export function addQueueActions(queue: Command, cli: Cli): void {
  for (const verb of VERBS) {
    const command = withFilterOptions(
      queue.command(verb.name).description(verb.description).argument('[ids...]', 'ids, - or ALL'),
    )
      .option('--json', 'JSON Lines')
      .option('-y, --yes', 'do not ask')
      .option('--dry-run', 'only show what would be hit');
    if (verb.takesReason === true) command.option('--why <text>', 'reason, for log and listing');
    if (verb.takesTime === true)
      command.option('--for <age>', 'how long, such as 2h; until released when not given', age);
    if (verb.takesHost === true) {
      command
        .option(
          '--to-host <host:port>',
          'the host that gets them; port 25 when not given',
          endpoint,
        )
        .option('--back', 'back to where they belong');
    }
    command.action(async (words: readonly string[], options: ActionOptions) => {
      const {
        json = false,
        yes = false,
        dryRun = false,
        why = '',
        for: forMs,
        toHost,
        back,
        ...filter
      } = options;
      if (verb.takesHost === true && (toHost === undefined) === (back === undefined))
        throw new CliFault(EXIT.usage, 'say either --to-host HOST[:PORT] or --back');
      const step = { for: verb.name, ...(back === true && ({ back: 'true' } as const)) };
      const selection = fitted(await selectionOf(words, filter), step);
      if (dryRun) await preview(cli, selection, json);
      else await act(cli, verb, selection, { json, yes, why, forMs, toHost });
    });
  }
}

function fitted(selection: Selection, step: NonNullable<FilterOptions['step']>): Selection {
  if (selection.kind === 'ids') return selection;
  return { kind: 'filter', filter: { ...selection.filter, step } };
}

function endpoint(text: string): Endpoint {
  const parsed = parseEndpoint(text, SMTP_PORT);
  if (!parsed.ok) throw new InvalidArgumentError(parsed.problem);
  return parsed.value;
}

async function preview(cli: Cli, selection: Selection, json: boolean): Promise<void> {
  if (selection.kind === 'filter') {
    await printQueue(cli, selection.filter, { header: true, json });
    return;
  }
  const client = await cli.client();
  let found = 0;
  for (const id of selection.ids) {
    const row = await findMessage(client, id);
    if (row !== undefined) found += 1;
    if (json) await cli.terminal.out(row === undefined ? '' : jsonLine(row));
    else await cli.terminal.out(`${printable(id)}  ${row === undefined ? 'not found' : 'found'}\n`);
  }
  if (found === 0) cli.exit(EXIT.nothing);
}

async function act(
  cli: Cli,
  verb: Verb,
  selection: Selection,
  { json, yes, why, forMs, toHost }: Wish,
): Promise<void> {
  const client = await cli.client();
  const ids = selection.kind === 'ids' ? selection.ids : await listed(cli, client, selection);
  if (selection.kind === 'filter' && ids.length > 0 && !yes)
    await confirm(cli, verb.name, countText(ids.length));
  const until =
    forMs === undefined ? undefined : new Date(cli.terminal.now() + forMs).toISOString();
  const path = `/api/v1/queue/actions/${verb.name}`;
  // What a filter finds is never let go unscanned by the way.
  const isUnscanned = verb.name === 'release' && selection.kind === 'ids';
  const unscanned = isUnscanned && (await mayGoUnscanned(cli, client, ids, yes)) ? true : undefined;
  await takeSteps(
    cli,
    client,
    { ...verb, path, more: { why, until, to: toHost, unscanned } },
    { ids, json },
  );
}

async function listed(
  cli: Cli,
  client: ControlClient,
  selection: Extract<Selection, { kind: 'filter' }>,
): Promise<string[]> {
  const ids: string[] = [];
  for await (const row of listQueue(cli, client, selection.filter)) ids.push(textOf(row, 'id'));
  return ids;
}

/** Warns of messages that filters have still to judge, and asks; false when there are none. */
async function mayGoUnscanned(
  cli: Cli,
  client: ControlClient,
  ids: readonly string[],
  yes: boolean,
): Promise<boolean> {
  const filters = new Set<string>();
  let count = 0;
  for (const id of ids) {
    const missing = wordsOf(rowOf((await findMessage(client, id)) ?? {}, 'hold'), 'missing');
    if (missing.length > 0) count += 1;
    for (const name of missing) filters.add(name);
  }
  if (count === 0) return false;
  const what = `${countText(count)} unscanned (not judged by ${printable([...filters].join(', '))})`;
  if (!yes) await confirm(cli, 'release', what);
  cli.terminal.err(`Warning: ${what}: forwarded as they are, with X-Sluice-Unchecked\n`);
  return true;
}

async function findMessage(client: ControlClient, id: string): Promise<Row | undefined> {
  try {
    return await client.get(`/api/v1/queue/${encodeURIComponent(id)}`);
  } catch (error) {
    if (error instanceof ControlFault && error.status === 404) return undefined;
    throw error;
  }
}
