/**
 * One log event as one line for people, without memory: fixed columns time, direction, verb, id; then
 * who, size, delay, peer and text. The colour depends on the verb only, and never says anything that
 * the verb does not.
 */
import type { Row } from '../control/rows.ts';
import { ageText, sizeText } from './quantity.ts';
import { numberOf, textOf, timeOf, wordsOf } from './row-reader.ts';
import type { Colour } from './terminal.ts';
import { coloured, printable } from './terminal.ts';

export interface LineStyle {
  readonly hasColour: boolean;
}

const COLOURS: Readonly<Record<string, Colour>> = {
  SENT: 'green',
  QUEUE: 'blue',
  UP: 'green',
  REJECT: 'red',
  FAIL: 'red',
  EXPIRE: 'red',
  DOWN: 'red',
  LOCK: 'red',
  ERROR: 'red',
  FATAL: 'red',
  TEMPF: 'yellow',
  DEFER: 'yellow',
  QUAR: 'yellow',
  HOLD: 'yellow',
  AUTHF: 'yellow',
  WARN: 'yellow',
  DISC: 'dim',
  DEL: 'dim',
  NOTE: 'dim',
};

const ADDRESS_WIDTH = 41;
/** Members that a plain line does not repeat. */
const SAID: ReadonlySet<string> = new Set([
  'v',
  'kind',
  'level',
  'time',
  'host',
  'evt',
  'msg',
  'dir',
  'stack',
]);

/** A line about a message: `from > to (+2)  12K 0.5s text`. */
export function mailLine(style: LineStyle, verb: string, event: Row, text: string): string {
  const id = textOf(event, 'id') || textOf(event, 'sid');
  const size = numberOf(event, 'size');
  const sizeColumn = (size === undefined ? '-' : sizeText(size)).padEnd(2);
  const who = route(event).padEnd(ADDRESS_WIDTH);
  const dir = textOf(event, 'dir') || 'in';
  const line = `${id.padEnd(12)} ${who}  ${sizeColumn} ${delayText(event).padStart(4)} ${text}`;
  return assemble(style, verb, dir, event, line);
}

/** A line about anything else. */
export function otherLine(style: LineStyle, verb: string, event: Row, text: string): string {
  return assemble(style, verb, textOf(event, 'dir') || '-', event, text);
}

/** An event without a line of its own: its name and members. */
export function plainLine(style: LineStyle, event: Row): string {
  const level = textOf(event, 'level');
  const verb = level === 'info' || level === '' ? 'NOTE' : level.toUpperCase();
  // What the gateway says of itself is written for people already.
  const isSaid = textOf(event, 'evt').startsWith('srv.');
  const members = Object.entries(isSaid ? {} : event)
    .filter(([name, value]) => !SAID.has(name) && value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const text = [textOf(event, 'evt'), textOf(event, 'msg'), ...members];
  return otherLine(style, verb, event, text.filter((part) => part !== '').join(' '));
}

function assemble(style: LineStyle, verb: string, dir: string, event: Row, text: string): string {
  const at = timeOf(event, 'time');
  const time = at === undefined ? '--:--:--' : new Date(at).toTimeString().slice(0, 8);
  const shown = coloured(style, COLOURS[verb], verb.padEnd(6));
  return `${time} ${dir.padEnd(3)} ${shown} ${printable(text).trimEnd()}`;
}

/** `from > to (+2)` */
function route(event: Row): string {
  const accepted = Number.parseInt(textOf(event, 'rcpts'), 10) || 0;
  const from = event['from'] === undefined ? '-' : textOf(event, 'from') || '<>';
  return `${from} > ${firstAndMore(textOf(event, 'to').split(','), accepted)}`;
}

/** `anna@example.org (+2)`; `all` when there may be more than are named. */
export function firstAndMore(names: readonly string[], all = 0): string {
  const more = Math.max(names.length, all) - 1;
  return `${names[0] || '-'}${more > 0 ? ` (+${more})` : ''}`;
}

/** Since acceptance, or what this step took. */
function delayText(event: Row): string {
  const ms = numberOf(event, 'ms');
  const seconds = numberOf(event, 'delay') ?? (ms === undefined ? undefined : ms / 1000);
  if (seconds === undefined) return '-';
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  return ageText(Math.round(seconds) * 1000);
}

/** What we told the client: its address, our code and the reason word. */
export function refusalText(event: Row): string {
  const reason = textOf(event, 'why') || textOf(event, 'text');
  return joined(textOf(event, 'ip'), textOf(event, 'code'), textOf(event, 'enh'), reason);
}

/** What the destination told us: its address and its reply. */
export function replyText(event: Row): string {
  const text = textOf(event, 'text');
  const code = textOf(event, 'code');
  const peer = textOf(event, 'rip') || textOf(event, 'rhost');
  if (code === '' || text.startsWith(code) || text.includes(`: ${code}`))
    return joined(peer, text || textOf(event, 'why'));
  return joined(peer, code, textOf(event, 'enh'), text);
}

/** Why it waits for a person: the reason word and what was said. */
export function holdText(event: Row): string {
  const why = textOf(event, 'why');
  const text = replyText({ ...event, why: '' });
  return why === '' || text === '' ? why || text : `${why}: ${text}`;
}

/** A destination that went down or is back: what happened, and whose mail it is about. */
export function destinationText(event: Row): string {
  const named = textOf(event, 'dest');
  // A host that an operator gave mail to is known as `to:HOST:PORT`.
  const isGiven = named.startsWith('to:');
  const dest = isGiven ? named.slice(3) : named;
  const text = textOf(event, 'text');
  const seconds = numberOf(event, 'down');
  const what =
    seconds === undefined
      ? text.startsWith(dest)
        ? text
        : `${dest}: ${text}`
      : `${dest} answers again, was down for ${ageText(seconds * 1000)}`;
  const domains = isGiven ? 'requeued mail' : wordsOf(event, 'domains').join(', ');
  return domains === '' ? what : `${what} (${domains})`;
}

/** `, try 2 in 5m` */
export function nextTryText(event: Row): string {
  const next = timeOf(event, 'next') ?? numberOf(event, 'next');
  const at = timeOf(event, 'time');
  if (next === undefined || at === undefined) return '';
  const tries = numberOf(event, 'try');
  return `, ${tries === undefined ? 'next' : `try ${tries + 1}`} in ${ageText(next - at)}`;
}

export function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}
