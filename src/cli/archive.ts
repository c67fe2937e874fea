/**
 * `sluice archive list|show|export|resend`: the mail of accounts with `archive: true`, found by what
 * people remember of it, written as files or as one mbox, sent once more.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { ControlClient } from '../control/client.ts';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { CliFault, EXIT } from './exit.ts';
import type { ListingOptions } from './listing.ts';
import { jsonLine, printListing, withListingOptions } from './listing.ts';
import { mboxMessage } from './mbox.ts';
import { addShow } from './message-show.ts';
import { parseMoment, sizeText } from './quantity.ts';
import { whenText } from './queue-show.ts';
import { numberOf, rowOf, textOf, wordsOf } from './row-reader.ts';
import type { Column } from './table.ts';
import { printable } from './terminal.ts';
import { firstAndMore } from './tail-line.ts';

const PATH = '/api/v1/archive';
const TEXTS = ['from', 'to', 'account', 'domain', 'subject', 'msgid'] as const;

type Filter = Partial<Record<(typeof TEXTS)[number], string>> & {
  readonly since?: number;
  readonly until?: number;
};

const COLUMNS: readonly Column[] = [
  { name: 'ID', value: (row) => textOf(row, 'id') },
  { name: 'TIME', value: (row) => textOf(row, 'ts').slice(0, 16).replace('T', ' '), drop: 3 },
  { name: 'ACCOUNT', value: (row) => textOf(row, 'account'), max: 32, min: 10, drop: 1 },
  { name: 'SIZE', value: (row) => sizeText(numberOf(row, 'size') ?? 0), align: 'right', drop: 2 },
  { name: 'FROM', value: (row) => textOf(row, 'from') || '<>', max: 32, min: 10 },
  { name: 'TO', value: (row) => firstAndMore(wordsOf(row, 'rcpts')), max: 32, min: 10 },
  { name: 'SUBJECT', value: (row) => textOf(row, 'subject'), min: 16, isTelling: true },
];

export function addArchive(program: Command, cli: Cli): void {
  const archive = program.command('archive').description('mail of senders that is kept');
  withListingOptions(withFilter(archive.command('list'), cli))
    .description('all of it, newest first')
    .action(async (options: ListingOptions & Filter) => {
      const rows = found(await cli.client(), options, options.limit);
      await printListing(cli, COLUMNS, rows, options, 'messages');
    });
  addShow(archive, cli, { path: PATH, envelope });
  withFilter(archive.command('export'), cli)
    .description('write messages as files, or as one mbox')
    .argument('[ids...]', 'ids; without them all that the options say')
    .option('--to-folder <folder>', 'ID.eml and ID.json for each')
    .option('--mbox <file>', 'all in one new file (RFC 4155)')
    .action(exportMail(cli));
  archive
    .command('resend')
    .description('send it once more, to those who had it or to others')
    .argument('<id>')
    .option('--to <address...>', 'to these instead')
    .option('--anyway', 'also when the same went out within the last hour')
    .option('--json', 'JSON')
    .action(async (id: string, options: { to?: string[]; anyway?: boolean; json?: boolean }) => {
      const { to, anyway, json } = options;
      const client = await cli.client();
      const body = { ...(to && { to }), ...(anyway && { anyway }) };
      const row = await client.post(`${PATH}/${encodeURIComponent(id)}/resend`, body);
      const ids = wordsOf(row, 'ids').join(', ');
      const before = textOf(row, 'before');
      if (before !== '') cli.exit(EXIT.nothing);
      const then = `${whenText(before, cli.terminal.now())}: nothing was sent, --anyway sends it`;
      const text = before === '' ? `goes out as ${ids}` : `went out as ${ids} ${then}`;
      await cli.terminal.out(json === true ? jsonLine(row) : `${printable(id)} ${text}\n`);
    });
}

function withFilter(command: Command, cli: Cli): Command {
  const moment = (text: string) => {
    const at = parseMoment(text, cli.terminal.now());
    if (at === undefined) throw new InvalidArgumentError('must be an age such as 4h, or a time');
    return at;
  };
  return command
    .option('--from <address>', 'sender: an address or @domain')
    .option('--to <address>', 'recipient: an address or @domain')
    .option('--account <account>', 'mail of this account')
    .option('--domain <domain>', 'mail of this customer')
    .option('--subject <words>', 'all of these words are in the subject')
    .option('--msgid <id>', 'with this Message-ID')
    .option('--since <time>', 'not before: an age such as 30d, or a time', moment)
    .option('--until <time>', 'not after', moment);
}

function found(client: ControlClient, filter: Filter, limit?: number): AsyncIterable<Row> {
  const query = new URLSearchParams();
  for (const name of TEXTS) {
    const value = filter[name];
    if (value !== undefined) query.set(name, value);
  }
  if (filter.since !== undefined) query.set('since', new Date(filter.since).toISOString());
  if (filter.until !== undefined) query.set('until', new Date(filter.until).toISOString());
  if (limit !== undefined && limit > 0) query.set('limit', String(limit));
  return client.rows(`${PATH}?${query.toString()}`);
}

interface ExportOptions extends Filter {
  readonly toFolder?: string;
  readonly mbox?: string;
}

function exportMail(cli: Cli) {
  return async (ids: readonly string[], options: ExportOptions): Promise<void> => {
    const { toFolder, mbox } = options;
    if ((toFolder === undefined) === (mbox === undefined)) {
      throw new CliFault(EXIT.usage, 'say where to: --to-folder FOLDER or --mbox FILE');
    }
    const client = await cli.client();
    const rows = await begun(ids.length > 0 ? named(client, ids) : found(client, options));
    if (rows === undefined) {
      cli.exit(EXIT.nothing);
      return cli.terminal.out('no messages: nothing was written\n');
    }
    const content = (id: string) => client.bytes(`${PATH}/${encodeURIComponent(id)}/content`);
    let count = 0;
    if (toFolder !== undefined) {
      await mkdir(toFolder, { recursive: true, mode: 0o700 });
      for await (const row of rows) {
        const id = textOf(row, 'id');
        // An id of ours is no path; what says something else is not followed.
        if (!/^[\w.-]{1,64}$/.test(id)) continue;
        const file = createWriteStream(join(toFolder, `${id}.eml`), { mode: 0o600 });
        await pipeline(content(id), file);
        await writeFile(join(toFolder, `${id}.json`), jsonLine(row), { mode: 0o600 });
        count += 1;
      }
    }
    if (mbox !== undefined) {
      const messages = async function* () {
        for await (const row of rows) {
          yield* mboxMessage(textOf(row, 'from'), textOf(row, 'ts'), content(textOf(row, 'id')));
          count += 1;
        }
      };
      // Never over a file that is there.
      const file = await open(mbox, 'wx', 0o600);
      try {
        await pipeline(messages, file.createWriteStream());
      } catch (error) {
        await rm(mbox, { force: true });
        throw error;
      }
    }
    const place = printable(toFolder ?? mbox ?? '');
    await cli.terminal.out(`${count} message${count === 1 ? '' : 's'} written to ${place}\n`);
  };
}

/** Undefined when there are none: what they would go into is not made then. */
async function begun(rows: AsyncIterable<Row>): Promise<AsyncIterable<Row> | undefined> {
  const all = rows[Symbol.asyncIterator]();
  const first = await all.next();
  if (first.done === true) return undefined;
  return (async function* () {
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => all };
  })();
}

async function* named(client: ControlClient, ids: readonly string[]): AsyncGenerator<Row> {
  for (const id of ids) yield await client.get(`${PATH}/${encodeURIComponent(id)}`);
}

function envelope(row: Row, now: number): readonly (readonly [string, string])[] {
  return [
    ['id', textOf(row, 'id')],
    ['taken', whenText(textOf(row, 'ts'), now)],
    ['account', `${textOf(row, 'account')} of ${textOf(row, 'domain')}`],
    ['client', textOf(rowOf(row, 'client'), 'ip')],
    ['size', `${numberOf(row, 'size') ?? 0} bytes`],
    ['subject', textOf(row, 'subject') || '-'],
    ['message-id', textOf(row, 'msgid') || '-'],
    ['from', textOf(row, 'from') || '<>'],
    ...wordsOf(row, 'rcpts').map((rcpt) => ['to', rcpt] as const),
  ];
}
