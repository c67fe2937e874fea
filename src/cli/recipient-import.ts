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
import { leadingWord } from '../mail/address.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import { jsonLine } from './listing.ts';
import { textOf } from './row-reader.ts';
import { printable } from './terminal.ts';

/** In one request; the gateway takes no more. */
const BATCH = 1000;
/** And no longer a body than this: half of what it takes. */
const BATCH_BYTES = 512 * 1024;
/** An address and a server behind it are shorter. */
const MAX_LENGTH = 1000;
/** Lines that were not taken and are shown; the rest is counted. */
const SHOWN = 20;
const SHOWN_LENGTH = 100;
/** What stands for bytes that are no UTF-8: an address with it is nobody's. */
const UNREADABLE = '\uFFFD';

const TAKEN: ReadonlySet<string> = new Set(['remembered', 'pinned']);
const NEEDLESS_SERVER =
  'is imported, but the word behind it is no server of its domain, which is not split';
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
  /** Each once, however often and in which letters the file has it: as many as the file is long. */
  const seen = new Set<string>();
  const count = { imported: 0, refused: 0, doubles: 0 };
  let shown = 0;
  for await (const { id, result, key, isServerNeedless } of imported(client, file)) {
    if (key !== undefined && seen.has(key)) {
      count.doubles += 1;
      continue;
    }
    if (key !== undefined) seen.add(key);
    const isTaken = TAKEN.has(result);
    count[isTaken ? 'imported' : 'refused'] += 1;
    const remark = isTaken && isServerNeedless ? NEEDLESS_SERVER : REASONS[result];
    if (remark === undefined || shown >= SHOWN) continue;
    shown += 1;
    cli.terminal.err(`sluice: ${printable(id)} ${remark}\n`);
  }
  const { imported: taken, refused, doubles } = count;
  const again = doubles === 0 ? '' : `, ${doubles} named again`;
  await cli.terminal.out(
    json
      ? jsonLine({ v: 1, kind: 'import', ...count })
      : `${taken} imported, ${refused} not${again}\n`,
  );
  if (refused > 0 || taken === 0) cli.exit(EXIT.nothing);
}

interface Imported {
  readonly id: string;
  readonly result: string;
  readonly key?: string | undefined;
  readonly isServerNeedless?: boolean;
}

async function* imported(client: ControlClient, file: string): AsyncGenerator<Imported> {
  let batch: string[] = [];
  let bytes = 0;
  for await (const address of addressesIn(file)) {
    if (address.includes(UNREADABLE)) {
      yield { id: shortened(address), result: 'not-utf8' };
      continue;
    }
    if (address.length > MAX_LENGTH) {
      yield { id: shortened(address), result: 'no-address' };
      continue;
    }
    batch.push(address);
    bytes += Buffer.byteLength(JSON.stringify(address));
    if (batch.length < BATCH && bytes < BATCH_BYTES) continue;
    yield* results(client, batch);
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield* results(client, batch);
}

/** What is shown of a line that is none. */
function shortened(text: string): string {
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}...` : text;
}

async function* results(
  client: ControlClient,
  addresses: readonly string[],
): AsyncGenerator<Imported> {
  for await (const row of client.rows('/api/v1/recipients/import', {
    body: { addresses },
  })) {
    yield {
      id: textOf(row, 'id'),
      result: textOf(row, 'result'),
      key: textOf(row, 'key') || undefined,
      isServerNeedless: row['server_needless'] === true,
    };
  }
}

async function* addressesIn(file: string): AsyncGenerator<string> {
  const source = file === '-' ? process.stdin : createReadStream(file);
  try {
    for await (const line of linesOf(source)) {
      const text = line.trim();
      const address = leadingWord(text);
      if (address === '' || address.startsWith('#')) continue;
      const [word = ''] = withoutComment(text.slice(address.length)).split(/\s+/);
      if (word === 'unknown') continue;
      yield word === '' || word === 'known' ? address : `${address} ${word}`;
    }
  } catch (error) {
    throw new CliFault(EXIT.failed, `${file} cannot be read: ${errorText(error)}`);
  }
}

/** A # is one only behind a blank: addresses may have it. */
function withoutComment(text: string): string {
  return text.replace(/\s#.*$/, '').trim();
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
