/**
 * Log events as Postfix would have written them, for programs that read its log, such as pflogsumm. A
 * message that was relayed while its sender waited has its deliveries in the log before it has come:
 * they wait for its `msg.in`, within a bound. Ids are written without their dot, which no such program
 * takes for part of one.
 */
import type { Row } from '../control/rows.ts';
import { numberOf, rowOf, textOf, timeOf } from './row-reader.ts';

/** Deliveries that wait for their message; beyond it the oldest are written as they are. */
const MAX_WAITING = 10_000;
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const STAGES: Readonly<Record<string, string>> = { conn: 'CONNECT', data: 'END-OF-MESSAGE' };
const STATUS: Readonly<Record<string, string>> = {
  'rcpt.sent': 'sent',
  'rcpt.defer': 'deferred',
  'rcpt.fail': 'bounced',
  'rcpt.expire': 'expired',
};

export class PostfixLines {
  /** Messages that have come, until they are done. */
  readonly #known = new Set<string>();
  /** Lines of messages that have not come yet, oldest first. */
  readonly #waiting = new Map<string, string[]>();

  /** Without line ends. */
  lines(row: Row): string[] {
    const evt = textOf(row, 'evt');
    const id = textOf(row, 'id');
    if (evt === 'msg.in') return this.#came(row, id);
    if (evt.startsWith('smtp.reject.')) return [rejectLine(row, evt.slice('smtp.reject.'.length))];
    if (evt === 'smtp.auth.fail') return [authLine(row)];
    const status = STATUS[evt];
    if (status !== undefined) return this.#of(id, deliveryLine(row, id, status));
    if (evt !== 'msg.done') return [];
    const lines = this.#of(id, line(row, 'qmgr', `${plain(id)}: removed`));
    this.#known.delete(id);
    return lines;
  }

  /** What still waits for a message whose coming is not in this log. */
  flush(): string[] {
    const left = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    return left;
  }

  #came(row: Row, id: string): string[] {
    if (!['accept', 'quarantine', 'discard'].includes(textOf(row, 'res'))) return [];
    const number = Number.parseInt(textOf(row, 'rcpts'), 10) || 1;
    const from = `from=<${textOf(row, 'from')}>, size=${numberOf(row, 'size') ?? 0}`;
    const waiting = this.#waiting.get(id) ?? [];
    this.#waiting.delete(id);
    if (textOf(row, 'how') !== 'delivered') this.#known.add(id);
    return [
      line(row, 'smtpd', `${plain(id)}: client=${clientOf(row)}`),
      line(row, 'cleanup', `${plain(id)}: message-id=${textOf(row, 'msgid')}`),
      line(row, 'qmgr', `${plain(id)}: ${from}, nrcpt=${number} (queue active)`),
      ...waiting,
    ];
  }

  #of(id: string, text: string): string[] {
    if (this.#known.has(id)) return [text];
    const waiting = this.#waiting.get(id) ?? [];
    this.#waiting.set(id, [...waiting, text]);
    const [oldest] = this.#waiting;
    if (this.#waiting.size <= MAX_WAITING || oldest === undefined) return [];
    this.#waiting.delete(oldest[0]);
    return oldest[1];
  }
}

function rejectLine(row: Row, stage: string): string {
  const { code, enh, text } = replyOf(row);
  const what = `reject: ${STAGES[stage] ?? stage.toUpperCase()} from ${clientOf(row)}`;
  const to = textOf(row, 'to');
  const whom = to === '' || text.startsWith(`<${to}>`) ? '' : `<${to}>: `;
  const from = `from=<${textOf(row, 'from')}>${to === '' ? '' : ` to=<${to}>`}`;
  const said = `${code} ${enh} ${whom}${text}; ${from} proto=ESMTP helo=<${textOf(row, 'helo')}>`;
  return line(row, 'smtpd', `NOQUEUE: ${what}: ${said}`);
}

function authLine(row: Row): string {
  const why = `SASL ${textOf(row, 'mech')} authentication failed: ${textOf(row, 'why')}`;
  return line(row, 'smtpd', `warning: ${clientOf(row)}: ${why}`);
}

function deliveryLine(row: Row, id: string, status: string): string {
  const { enh, text } = replyOf(row);
  const stages = rowOf(row, 'stages');
  const [q, c, t] = ['q', 'c', 't'].map((name) => numberOf(stages, name) ?? 0);
  const host = textOf(row, 'rhost');
  const relay = host === '' ? 'none' : `${host}[${textOf(row, 'rip')}]:25`;
  const delay = `delay=${numberOf(row, 'delay') ?? numberOf(row, 'age') ?? 0}`;
  const said = `to=<${textOf(row, 'to')}>, relay=${relay}, ${delay}, delays=${q}/0/${c}/${t}`;
  return line(row, 'smtp', `${plain(id)}: ${said}, dsn=${enh}, status=${status} (${text})`);
}

/** `Jun  2 06:42:41 mx1 postfix/smtpd[1]: TEXT`, in local time as syslog has it. */
function line(row: Row, program: string, text: string): string {
  const at = new Date(timeOf(row, 'time') ?? 0);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = String(at.getDate()).padStart(2);
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const host = textOf(row, 'host') || 'localhost';
  const whole = `${MONTHS[at.getMonth()] ?? ''} ${day} ${clock} ${host} postfix/${program}[1]: ${text}`;
  // A line is one line, whatever a client has said.
  return whole.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

function clientOf(row: Row): string {
  return `unknown[${textOf(row, 'ip')}]`;
}

function replyOf(row: Row): { readonly code: string; readonly enh: string; readonly text: string } {
  const code = textOf(row, 'code') || '450';
  const enh = textOf(row, 'enh') || `${code.slice(0, 1)}.0.0`;
  return { code, enh, text: textOf(row, 'text') };
}

function plain(id: string): string {
  return id.replace('.', '');
}
