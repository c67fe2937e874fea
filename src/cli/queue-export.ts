/**
 * `sluice queue export`: messages as files, for a person or another server: `ID.eml` is the content
 * as it would go out, `ID.json` its envelope and state as in `queue show --json`. Leaves the queue as
 * it is. `--offline` reads the store itself while the gateway does not run, also a damaged one, of
 * which it saves what can be saved without touching it. A content that is not whole gets the name
 * `ID.damaged.eml`. Files of an earlier export are replaced, each at once.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import type { ControlClient } from '../control/client.ts';
import { ControlFault } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import type { FilterOptions, Selection } from './queue-selection.ts';
import { listQueue, selectionOf, stateOption } from './queue-selection.ts';
import { textOf } from './row-reader.ts';
import { whileStopped } from './store.ts';
import { printable } from './terminal.ts';

interface ExportOptions extends Pick<FilterOptions, 'dest' | 'state'> {
  readonly to: string;
  readonly all?: boolean;
  readonly offline?: boolean;
  readonly json?: boolean;
}

type Result = 'exported' | 'damaged' | 'not found';

/** One message that is meant; without a row it is not there. */
interface Meant {
  readonly id: string;
  readonly row: Row | undefined;
  readonly content: () => AsyncIterable<Uint8Array>;
}

/** What goes into a file name: ids of the gateway are of this form, whatever else it says. */
const ID = /^[\w.-]{1,64}$/;

export function addQueueExport(queue: Command, cli: Cli): void {
  queue
    .command('export')
    .description('write messages and their envelopes as files')
    .argument('[ids...]', 'ids, - or ALL')
    .requiredOption('--to <folder>', 'where they go')
    .option('--all', 'all messages, as ALL')
    .option('--dest <domain>', 'hosted domain whose destination gets it')
    .addOption(stateOption())
    .option('--offline', 'read the store of a gateway that does not run')
    .option('--json', 'JSON Lines')
    .action(async (words: readonly string[], options: ExportOptions) => {
      const { to, all = false, offline = false, json = false, ...filter } = options;
      const selection = await selectionOf(all ? ['ALL', ...words] : words, filter);
      await mkdir(to, { recursive: true, mode: 0o700 });
      const results = new Results(cli, json);
      const write = async (message: Meant) =>
        results.tell(message.id, await writeMessage(to, message));
      if (offline) await whileStopped(cli, () => fromStore(cli, selection, write, results));
      else await fromGateway(cli, selection, write);
      await results.end(to);
    });
}

type Write = (message: Meant) => Promise<void>;

async function fromGateway(cli: Cli, selection: Selection, write: Write): Promise<void> {
  const client = await cli.client();
  const path = (id: string) => `/api/v1/queue/${encodeURIComponent(id)}`;
  const message = (id: string, row: Row | undefined): Meant => ({
    id,
    row,
    content: () => client.bytes(`${path(id)}/content`),
  });
  if (selection.kind === 'ids') {
    for (const id of selection.ids) await write(message(id, await rowOf(client, path(id))));
    return;
  }
  for await (const row of listQueue(cli, client, selection.filter))
    await write(message(textOf(row, 'id'), row));
}

async function rowOf(client: ControlClient, path: string): Promise<Row | undefined> {
  try {
    return await client.get(path);
  } catch (error) {
    if (error instanceof ControlFault && error.status === 404) return undefined;
    throw error;
  }
}

async function fromStore(
  cli: Cli,
  selection: Selection,
  write: Write,
  results: Results,
): Promise<void> {
  const { readStore } = await import('../gateway/offline-store.ts');
  const left = selection.kind === 'ids' ? new Set(selection.ids) : undefined;
  const filter: FilterOptions = selection.kind === 'filter' ? selection.filter : {};
  const damage = await readStore(await cli.dataFolder(), systemClock, async (message) => {
    if (left === undefined ? isMeant(message.row, filter) : left.delete(message.id))
      await write(message);
  });
  for (const id of left ?? []) await write({ id, row: undefined, content: nothing });
  if (damage === undefined) return;
  const text = `the store is damaged (${printable(damage)}); these are what a repaired copy holds`;
  cli.terminal.err(`sluice: ${text}\n`);
  results.isFromCopy = true;
}

function isMeant(row: Row, { dest, state }: FilterOptions): boolean {
  return (
    (dest === undefined || textOf(row, 'dest') === dest.toLowerCase()) &&
    (state === undefined || textOf(row, 'state') === state)
  );
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function writeMessage(folder: string, { id, row, content }: Meant): Promise<Result> {
  if (row === undefined || !ID.test(id)) return 'not found';
  if (textOf(row, 'state') === 'damaged') return 'damaged';
  const part = join(folder, `${id}.part`);
  const isWhole = await written(part, content(), Number(row['size']));
  const [name, other] = isWhole ? ['eml', 'damaged.eml'] : ['damaged.eml', 'eml'];
  await rename(part, join(folder, `${id}.${name}`));
  await rm(join(folder, `${id}.${other}`), { force: true });
  await writeFile(part, `${JSON.stringify(row, undefined, 2)}\n`, { mode: 0o600 });
  await rename(part, join(folder, `${id}.json`));
  return isWhole ? 'exported' : 'damaged';
}

/** What of the content could be read is in the file; says whether that is all. */
async function written(
  path: string,
  content: AsyncIterable<Uint8Array>,
  size: number,
): Promise<boolean> {
  let broken = false;
  let bytes = 0;
  const readable = async function* () {
    try {
      for await (const chunk of content) {
        bytes += chunk.length;
        yield chunk;
      }
    } catch {
      broken = true; // whatever it was, the content did not come to its end
    }
  };
  await pipeline(readable, createWriteStream(path, { mode: 0o600 }));
  return !broken && bytes === size;
}

class Results {
  /** Of a damaged store: nobody knows what else there was. */
  isFromCopy = false;
  readonly #counts = new Map<Result, number>();
  readonly #cli: Cli;
  readonly #json: boolean;

  constructor(cli: Cli, json: boolean) {
    this.#cli = cli;
    this.#json = json;
  }

  async tell(id: string, result: Result): Promise<void> {
    this.#counts.set(result, (this.#counts.get(result) ?? 0) + 1);
    const { terminal } = this.#cli;
    if (this.#json) await terminal.out(jsonLine({ v: 1, kind: 'result', id, result }));
    else if (result !== 'exported') await terminal.out(`${printable(id)}  ${result}\n`);
  }

  async end(folder: string): Promise<void> {
    const exported = this.#counts.get('exported') ?? 0;
    const damaged = this.#counts.get('damaged') ?? 0;
    if (!this.#json) {
      const messages = `${exported} message${exported === 1 ? '' : 's'}`;
      await this.#cli.terminal.out(`${messages} written to ${printable(folder)}\n`);
    }
    if (damaged > 0) throw new CliFault(EXIT.failed, `${damaged} could not be written whole`);
    if (this.isFromCopy) this.#cli.exit(EXIT.failed);
    else if (exported === 0) this.#cli.exit(EXIT.nothing);
  }
}
