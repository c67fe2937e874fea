/**
 * `sluice queue show ID`: envelope, recipients with their last answers, header; with `-b` the body,
 * with `--raw` the bytes as they are stored. What is shown to a person is escaped; `--raw` is not.
 */
import type { Command } from 'commander';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { jsonLine } from './listing.ts';
import { ageText, sizeText, untilText } from './quantity.ts';
import { reasonOf } from './queue-selection.ts';
import { numberOf, rowOf, rowsOf, textOf, timeOf } from './row-reader.ts';
import { printable } from './terminal.ts';

interface ShowOptions {
  readonly envelope?: boolean;
  readonly header?: boolean;
  readonly body?: boolean;
  readonly raw?: boolean;
  readonly json?: boolean;
}

/** Of a header or body that is shown; the rest is in `--raw`. */
const MAX_SHOWN_BYTES = 1024 * 1024;

export function addQueueShow(queue: Command, cli: Cli): void {
  queue
    .command('show')
    .description('one message: envelope, answers, header')
    .argument('<id>')
    .option('-e, --envelope', 'the envelope only')
    .option('-h, --header', 'the header only')
    .option('-b, --body', 'the body only')
    .option('--raw', 'header and body as stored, bytes unchanged')
    .option('--json', 'JSON')
    .helpOption('--help', 'display help for command')
    .action(async (id: string, options: ShowOptions) => {
      const { terminal } = cli;
      const client = await cli.client();
      const path = `/api/v1/queue/${encodeURIComponent(id)}`;
      if (options.raw === true) {
        for await (const chunk of client.bytes(`${path}/content`)) await terminal.out(chunk);
        return;
      }
      const row = await client.get(path);
      if (options.json === true) {
        await terminal.out(jsonLine(row));
        return;
      }
      const parts = [options.envelope, options.header, options.body];
      const wantsDefault = parts.every((part) => part !== true);
      if (wantsDefault || options.envelope === true) {
        await terminal.out(envelopeText(row, terminal.now()));
      }
      if (!wantsDefault && options.header !== true && options.body !== true) return;
      const { header, body, isCut } = await readParts(client.bytes(`${path}/content`));
      if (wantsDefault) await terminal.out('\n');
      if (wantsDefault || options.header === true) await terminal.out(escapedLines(header));
      if (options.body === true) await terminal.out(escapedLines(body));
      if (isCut && options.body === true) terminal.err('cut here; the rest is in --raw\n');
    });
}

function envelopeText(row: Row, now: number): string {
  const client = rowOf(row, 'client');
  const lines: [string, string][] = [
    ['id', textOf(row, 'id')],
    ['state', [textOf(row, 'state'), reasonOf(row)].filter((part) => part !== '').join(', ')],
    ['queued', whenText(textOf(row, 'queued_at'), now)],
    ['next try', nextTryText(row, now)],
    ['expires', textOf(row, 'expires_at')],
    ['attempts', textOf(row, 'attempts')],
    ['size', sizeText(numberOf(row, 'size') ?? 0)],
    ['client', `${textOf(client, 'ip')} ${textOf(client, 'helo')}`],
    ['destination', destinationText(row)],
    ['from', textOf(row, 'from') || '<>'],
  ];
  for (const rcpt of rowsOf(row, 'rcpts')) {
    lines.push(['to', textOf(rcpt, 'addr')]);
    const last = textOf(rcpt, 'reason');
    if (last === '') continue;
    const host = textOf(rcpt, 'host');
    lines.push(['', `${textOf(rcpt, 'last_at')} ${host === '' ? '' : `${host}: `}${last}`]);
  }
  return lines.map(([name, value]) => `${name.padEnd(12)} ${printable(value)}\n`).join('');
}

function destinationText(row: Row): string {
  const via = textOf(row, 'via');
  return `${textOf(row, 'dest')}${via === '' ? '' : `, given to ${via}`}`;
}

function nextTryText(row: Row, now: number): string {
  const next = timeOf(row, 'next_at');
  if (next === undefined) return '-';
  const when = next <= now ? 'now' : `in ${untilText(now, next)}`;
  const since = timeOf(rowOf(row, 'outage'), 'since');
  if (since === undefined) return when;
  return `${when}, when the destination answers; it is down since ${ageText(now - since)}`;
}

function whenText(time: string, now: number): string {
  const at = Date.parse(time);
  return Number.isNaN(at) ? time : `${time} (${ageText(now - at)} ago)`;
}

async function readParts(
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
