/**
 * `sluice recipient import|export`: recipients as lines of text, one address first on each line, and
 * for a split domain its server behind it, # begins a comment, so
 * that the memory can be filled before an outage, or from another gateway. What is imported is good
 * during outages; the destination's own word still counts when it can be asked.
 */
import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import { errorText } from '../base/errors.ts';
import type { ControlClient } from '../control/client.ts';
import { linesOf } from '../control/ndjson.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { textOf } from './row-reader.ts';
import { printable } from './terminal.ts';

/** In one request; the gateway takes no more. */
const BATCH = 1000;
/** Lines that were not taken and are shown; the rest is counted. */
const SHOWN = 20;
/** What stands for bytes that are no UTF-8: an address with it is nobody's. */
const UNREADABLE = '\uFFFD';

const REASONS: Readonly<Record<string, string>> = {
  'no-address': 'is no address',
  'not-utf8': 'is not in UTF-8: write the file in that',
  'not-hosted': 'is not of a domain of this gateway',
  'not-asked': 'is of a domain whose recipients stand in a list, or need not be known',
  'which-server': 'is of a split domain: name its server behind the address, as export does',
  full: 'does not fit: too many are known of its destination',
};

export function addRecipientImport(recipient: Command, cli: Cli): void {
  recipient
    .command('import')
    .description('remember these as known, for outages; one address a line')
    .argument('<file>', 'a file, or - for standard input')
    .option('--json', 'JSON')
    .action((file: string, options: { json?: boolean }) =>
      importFrom(cli, file, options.json === true),
    );
  recipient
    .command('export')
    .description('what is known, one address a line, as import reads it')
    .action(() => exportKnown(cli));
}

async function importFrom(cli: Cli, file: string, json: boolean): Promise<void> {
  const client = await cli.client();
  const counts = new Map<string, number>();
  let shown = 0;
  for await (const { id, result } of imported(client, file)) {
    counts.set(result, (counts.get(result) ?? 0) + 1);
    const why = REASONS[result];
    if (why === undefined || shown >= SHOWN) continue;
    shown += 1;
    cli.terminal.err(`sluice: ${printable(id)} ${why}\n`);
  }
  const remembered = (counts.get('remembered') ?? 0) + (counts.get('pinned') ?? 0);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const row = { v: 1, kind: 'import', imported: remembered, refused: total - remembered };
  await cli.terminal.out(
    json ? jsonLine(row) : `${remembered} imported, ${total - remembered} not\n`,
  );
  if (remembered < total || total === 0) cli.exit(EXIT.nothing);
}

async function* imported(
  client: ControlClient,
  file: string,
): AsyncGenerator<{ id: string; result: string }> {
  let batch: string[] = [];
  for await (const address of addressesIn(file)) {
    if (address.includes(UNREADABLE)) {
      yield { id: address, result: 'not-utf8' };
      continue;
    }
    batch.push(address);
    if (batch.length < BATCH) continue;
    yield* results(client, batch);
    batch = [];
  }
  if (batch.length > 0) yield* results(client, batch);
}

async function* results(client: ControlClient, addresses: readonly string[]) {
  for await (const row of client.rows('/api/v1/recipients/import', {
    body: { addresses },
  })) {
    yield { id: textOf(row, 'id'), result: textOf(row, 'result') };
  }
}

async function* addressesIn(file: string): AsyncGenerator<string> {
  const source = file === '-' ? process.stdin : createReadStream(file);
  try {
    for await (const line of linesOf(source)) {
      const [address, word] = line
        .replace(/(^|\s)#.*$/, '')
        .trim()
        .split(/\s+/);
      if (address === undefined || address === '' || word === 'unknown') continue;
      yield word === undefined || word === 'known' ? address : `${address} ${word}`;
    }
  } catch (error) {
    throw new CliFault(EXIT.failed, `${file} cannot be read: ${errorText(error)}`);
  }
}

async function exportKnown(cli: Cli): Promise<void> {
  const client = await cli.client();
  let count = 0;
  for await (const row of client.rows('/api/v1/recipients')) {
    if (row['answer'] !== 'known') continue;
    count += 1;
    await cli.terminal.out(exportLine(row));
  }
  if (count === 0) cli.exit(EXIT.nothing);
}

function exportLine(row: Row): string {
  const words = [textOf(row, 'address'), textOf(row, 'server')].filter(Boolean).map(printable);
  return `${words.join(' ')}  # ${textOf(row, 'origin')} ${textOf(row, 'at')}\n`;
}
