/** `sluice queue show ID`: envelope, recipients with their last answers, header. */
import type { Command } from 'commander';
import type { Row } from '../control/rows.ts';
import type { Cli } from './cli.ts';
import { addShow } from './message-show.ts';
import { ageText, sizeText, untilText } from './quantity.ts';
import { reasonOf } from './queue-selection.ts';
import { numberOf, rowOf, rowsOf, textOf, timeOf } from './row-reader.ts';

export function addQueueShow(queue: Command, cli: Cli): void {
  addShow(queue, cli, { path: '/api/v1/queue', envelope });
}

function envelope(row: Row, now: number): readonly (readonly [string, string])[] {
  const client = rowOf(row, 'client');
  const lines: [string, string][] = [
    ['id', textOf(row, 'id')],
    ['state', [textOf(row, 'state'), reasonOf(row)].filter((part) => part !== '').join(', ')],
    ['queued', whenText(textOf(row, 'queued_at'), now)],
    ['next try', nextTryText(row, now)],
    ['expires', textOf(row, 'expires_at')],
    ['attempts', `${textOf(row, 'attempts')}${doubtText(row)}`],
    ['size', sizeText(numberOf(row, 'size') ?? 0)],
    ['client', `${textOf(client, 'ip')} ${textOf(client, 'helo')}`],
    ['destination', destinationText(row)],
    ['from', textOf(row, 'from') || '<>'],
    ...parametersLine(row),
  ];
  for (const rcpt of rowsOf(row, 'rcpts')) {
    lines.push(['to', textOf(rcpt, 'addr')], ...parametersLine(rcpt));
    const last = textOf(rcpt, 'reason');
    if (last === '') continue;
    const host = textOf(rcpt, 'host');
    lines.push(['', `${textOf(rcpt, 'last_at')} ${host === '' ? '' : `${host}: `}${last}`]);
  }
  return lines;
}

/** What the client declared with the address, as in SMTP. */
function parametersLine(row: Row): [string, string][] {
  const text = textOf(row, 'parameters');
  return text === '' ? [] : [['', text]];
}

function doubtText(row: Row): string {
  return row['maybe_delivered'] === true ? '; maybe delivered, a final reply was lost' : '';
}

function destinationText(row: Row): string {
  const via = textOf(row, 'via');
  return `${textOf(row, 'dest')}${via === '' ? '' : `, given to ${via}`}`;
}

function nextTryText(row: Row, now: number): string {
  const next = timeOf(row, 'next_at');
  const outage = rowOf(row, 'outage');
  const since = timeOf(outage, 'since');
  const kind = textOf(outage, 'kind');
  if (next === undefined) return kind === 'held' ? 'when the destination is resumed' : '-';
  const when = next <= now ? 'now' : `in ${untilText(now, next)}`;
  if (since === undefined) return when;
  const age = ageText(now - since);
  switch (kind) {
    case 'held':
      return `${when}, when the hold of the destination ends, or when it is resumed`;
    case 'paused':
      return `${when}; the destination has had enough and is left alone, for ${age} now`;
    default:
      return `${when}, when the destination answers, which has been down for ${age}`;
  }
}

export function whenText(time: string, now: number): string {
  const at = Date.parse(time);
  return Number.isNaN(at) ? time : `${time} (${ageText(now - at)} ago)`;
}
