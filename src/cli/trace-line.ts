/**
 * One event of a session's time line: time with milliseconds, what happened in one word, then the
 * facts in the order in which a person asks for them. An event without a line of its own shows its
 * members.
 */
import type { Row } from '../control/rows.ts';
import { sizeText } from './quantity.ts';
import { numberOf, textOf, timeOf, wordsOf } from './row-reader.ts';
import type { Colour } from './terminal.ts';
import { coloured, printable } from './terminal.ts';
import { joined, nextTryText, replyText } from './tail-line.ts';

const WORD_WIDTH = 11;

type Wording = (row: Row) => readonly [word: string, ...facts: string[]];

const WORDING: Readonly<Record<string, Wording>> = {
  'smtp.open': (row) => {
    const port = textOf(row, 'port');
    const listener = textOf(row, 'listener');
    const client = `${textOf(row, 'ip')}${port === '' ? '' : `:${port}`}`;
    return ['connect', client, textOf(row, 'rdns'), listener === '' ? '' : `→ ${listener}`];
  },
  'smtp.tls': (row) => ['tls', textOf(row, 'proto'), textOf(row, 'cipher'), textOf(row, 'sni')],
  'smtp.auth.ok': (row) => ['login', textOf(row, 'user'), textOf(row, 'mech')],
  'smtp.auth.fail': (row) => ['login', textOf(row, 'user'), 'failed', textOf(row, 'why')],
  'smtp.close': (row) => ['close', textOf(row, 'end'), took(row)],
  'smtp.reject.conn': refused('connect'),
  'smtp.reject.helo': refused('helo'),
  'smtp.reject.mail': refused('mail'),
  'smtp.reject.rcpt': refused('rcpt'),
  'smtp.reject.data': refused('data'),
  'smtp.reject.abuse': refused('abuse'),
  'rcpt.check': (row) => [
    'verify',
    `<${textOf(row, 'to')}>`,
    textOf(row, 'result'),
    `(${textOf(row, 'source')})`,
    took(row),
  ],
  'scan.result': (row) => {
    const score = numberOf(row, 'score');
    const facts = [textOf(row, 'engine'), textOf(row, 'verdict'), textOf(row, 'virus')];
    const tests = wordsOf(row, 'tests').join(',') || textOf(row, 'tests');
    const found = wordsOf(row, 'found').join(', ') || textOf(row, 'found');
    const shown = score === undefined ? '' : String(score);
    return ['scan', ...facts, shown, tests, found === '' ? '' : `(${found})`, took(row)];
  },
  'scan.error': (row) => ['scan', textOf(row, 'engine'), 'error', textOf(row, 'err'), took(row)],
  'msg.in': (row) => {
    const size = numberOf(row, 'size');
    const reply = textOf(row, 'code') === '' ? '' : replyText({ ...row, rip: '', rhost: '' });
    const facts = [size === undefined ? '' : `size ${sizeText(size)}`, took(row)];
    const labelled = facts.filter(Boolean).join(', ');
    const score = numberOf(row, 'score');
    const tests = wordsOf(row, 'tests').join(',') || textOf(row, 'tests');
    return [
      textOf(row, 'res'),
      `<${textOf(row, 'from')}> > ${textOf(row, 'to') || '-'}`,
      textOf(row, 'why'),
      reply,
      score === undefined ? '' : `score ${score}`,
      tests,
      labelled === '' ? '' : `(${labelled})`,
    ];
  },
  'rcpt.sent': attempt('delivered'),
  'rcpt.defer': attempt('deferred'),
  'rcpt.fail': attempt('failed'),
  'rcpt.hold': (row) => [...attempt('held')(row), `(${textOf(row, 'why')})`],
  'rcpt.expire': attempt('expired'),
  'queue.retry': stepBy('retried'),
  'queue.hold': stepBy('held'),
  'queue.release': stepBy('released'),
  'queue.delete': stepBy('deleted'),
  'queue.requeue': stepBy('requeued'),
  'queue.expire': stepBy('ended'),
  'quar.add': (row) => ['quarantine', `because of ${textOf(row, 'why')}:`, textOf(row, 'text')],
  'quar.ask': (row) => ['asked for', `by ${textOf(row, 'by')}`, `in ${textOf(row, 'mail')}`],
  'quar.release': stepBy('released', 'from the quarantine'),
  'quar.delete': stepBy('deleted', 'from the quarantine'),
  'quar.expire': () => ['deleted', 'from the quarantine: nobody released it in time'],
  'msg.part': (row) => [
    'parted',
    wordsOf(row, 'to').join(', ') || textOf(row, 'to'),
    `as ${textOf(row, 'id')}`,
  ],
  'msg.done': (row) => {
    const delay = numberOf(row, 'delay');
    const tries = numberOf(row, 'tries') ?? 0;
    const often = tries > 1 ? `, ${tries} attempts` : '';
    return [
      'done',
      `${textOf(row, 'res')}${delay === undefined ? '' : ` after ${delay} s`}${often}`,
    ];
  },
};

const COLOURS: Readonly<Record<string, Colour>> = {
  delivered: 'green',
  accept: 'green',
  reject: 'red',
  failed: 'red',
  expired: 'red',
  tempfail: 'yellow',
  deferred: 'yellow',
  held: 'yellow',
};

/** Members that a line without wording does not repeat. */
const SAID: ReadonlySet<string> = new Set([
  'v',
  'kind',
  'level',
  'time',
  'host',
  'evt',
  'sid',
  'id',
  'ip',
]);

export function timelineLine(row: Row, style: { readonly hasColour: boolean }): string {
  const [word, ...facts] = (WORDING[textOf(row, 'evt')] ?? asItIs)(row);
  const at = timeOf(row, 'time');
  const time = at === undefined ? '--:--:--.---' : clockTime(at);
  const shown = coloured(style, COLOURS[word], printable(word).padEnd(WORD_WIDTH));
  return `${time} ${shown} ${printable(joined(...facts))}`.trimEnd();
}

/** `06:42:40.910` in local time. */
function clockTime(at: number): string {
  const date = new Date(at);
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${date.toTimeString().slice(0, 8)}.${ms}`;
}

function asItIs(row: Row): readonly [string, ...string[]] {
  const members = Object.entries(row).filter(([name]) => !SAID.has(name));
  const facts = members.map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [textOf(row, 'evt'), ...facts];
}

function refused(stage: string): Wording {
  return (row) => {
    const to = textOf(row, 'to');
    const reply = joined(textOf(row, 'enh'), textOf(row, 'text') || textOf(row, 'why'));
    return [`${stage} ${textOf(row, 'code')}`.trim(), to === '' ? '' : `<${to}>`, reply];
  };
}

function attempt(word: string): Wording {
  return (row) => {
    const tls = textOf(row, 'tls');
    const answer = `${replyText(row)}${nextTryText(row)}`;
    const arrow = textOf(row, 'rip') === '' && textOf(row, 'rhost') === '' ? '' : '→';
    const over = tls === '' || tls === '-' ? '' : `(${tls})`;
    return [word, textOf(row, 'to'), arrow, answer, over, doubt(row)];
  };
}

/** A lost final reply: what nobody knows stands with the attempt that lost it, and with the next. */
function doubt(row: Row): string {
  if (row['maybe'] === true) return '(maybe delivered)';
  return row['again'] === true ? '(maybe for the second time)' : '';
}

/** `deleted     by root: looks forged` */
function stepBy(word: string, where = ''): Wording {
  return (row) => {
    const who = `by ${textOf(row, 'who')}`;
    const via = textOf(row, 'via');
    const to = textOf(row, 'to') || via;
    const text = textOf(row, 'text');
    return [word, where, to === '' ? who : `${who}, to ${to}`, text === '' ? '' : `(${text})`];
  };
}

function took(row: Row): string {
  const ms = numberOf(row, 'ms');
  return ms === undefined ? '' : `took ${Math.round(ms)} ms`;
}
