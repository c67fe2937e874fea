/**
 * Shows one message: what is known of it, its header; with `-b` the body, with `--parts` its parts, with
 * `--raw` the bytes as they are stored. What is shown to a person is escaped; `--raw` is not.
 */
import type { Command } from 'commander';
import type { Row } from '../control/rows.ts';
import type { MessagePart } from '../gateway/message-parts.ts';
import type { Cli } from './cli.ts';
import { jsonLine } from './listing.ts';
import { printable } from './terminal.ts';

interface ShowOptions {
  readonly envelope?: boolean;
  readonly header?: boolean;
  readonly body?: boolean;
  readonly parts?: boolean;
  readonly raw?: boolean;
  readonly json?: boolean;
}

/** Of a header or body that is shown; the rest is in `--raw`. */
const MAX_SHOWN_BYTES = 1024 * 1024;

export interface Shown {
  /** Where the API has the messages. */
  readonly path: string;
  readonly envelope: (row: Row, now: number) => readonly (readonly [string, string])[];
}

/** `show ID` below a noun. */
export function addShow(noun: Command, cli: Cli, shown: Shown): void {
  noun
    .command('show')
    .description('one message: envelope, answers, header')
    .argument('<id>')
    .option('-e, --envelope', 'the envelope only')
    .option('-h, --header', 'the header only')
    .option('-b, --body', 'the body only')
    .option('--parts', 'type, size, SHA-256 and name of its parts')
    .option('--raw', 'header and body as stored, bytes unchanged')
    .option('--json', 'JSON')
    .helpOption('--help', 'display help for command')
    .action((id: string, options: ShowOptions) => show(cli, shown, id, options));
}

async function show(cli: Cli, shown: Shown, id: string, options: ShowOptions): Promise<void> {
  const { terminal } = cli;
  const client = await cli.client();
  const path = `${shown.path}/${encodeURIComponent(id)}`;
  if (options.raw === true) {
    for await (const chunk of client.bytes(`${path}/content`)) await terminal.out(chunk);
    return;
  }
  const row = await client.get(path);
  const found =
    options.parts === true ? await partsOf(cli, client.bytes(`${path}/content`)) : undefined;
  if (options.json === true) {
    await terminal.out(jsonLine({ ...row, ...(found && { parts: found }) }));
    return;
  }
  const wanted = [options.envelope, options.header, options.body, options.parts];
  const wantsDefault = wanted.every((part) => part !== true);
  if (wantsDefault || options.envelope === true) {
    const lines = shown.envelope(row, terminal.now());
    await terminal.out(
      lines.map(([name, value]) => `${name.padEnd(12)} ${printable(value)}\n`).join(''),
    );
  }
  for (const { type, size, sha256, name = '-' } of found ?? [])
    await terminal.out(`${'part'.padEnd(12)} ${printable(`${type} ${size} ${sha256} ${name}`)}\n`);
  if (!wantsDefault && options.header !== true && options.body !== true) return;
  const { header, body, isCut } = await readHeaderAndBody(client.bytes(`${path}/content`));
  if (wantsDefault) await terminal.out('\n');
  if (wantsDefault || options.header === true) await terminal.out(escapedLines(header));
  if (options.body === true) await terminal.out(escapedLines(body));
  if (isCut && options.body === true) terminal.err('cut here; the rest is in --raw\n');
}

async function partsOf(
  { terminal }: Cli,
  content: AsyncIterable<Uint8Array>,
): Promise<readonly MessagePart[]> {
  const { messageParts } = await import('../gateway/message-parts.ts');
  const { parts, problem } = await messageParts(content);
  if (problem !== undefined) terminal.err(`these are not all parts: ${problem}\n`);
  return parts;
}

async function readHeaderAndBody(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ header: string; body: string; isCut: boolean }> {
  const kept: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    kept.push(chunk);
    size += chunk.length;
    if (size > MAX_SHOWN_BYTES) break;
  }
  const text = Buffer.concat(kept).toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const header = end < 0 ? text : text.slice(0, end + 2);
  const body = end < 0 ? '' : text.slice(end + 4);
  const utf8 = (part: string) => Buffer.from(part, 'latin1').toString('utf8');
  return { header: utf8(header), body: utf8(body), isCut: size > MAX_SHOWN_BYTES };
}

function escapedLines(text: string): string {
  const lines = text.replace(/\r\n$/, '').split('\r\n');
  return lines.map((line) => `${printable(line).replaceAll('\\x09', '\t')}\n`).join('');
}
