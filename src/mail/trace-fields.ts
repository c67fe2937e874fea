/**
 * The fields that a gateway puts on top of a message (RFC 5321 4.4, RFC 8601), and those of others
 * that must go because they claim to be ours. Values come from the session and are already checked
 * by its parser; they are cleaned once more here, for a field must never grow a second line.
 */
import type { Field } from './verdict.ts';
import type { HeaderField } from './header.ts';
import { fieldValue } from './header.ts';

export interface ReceivedFacts {
  readonly helloName: string;
  readonly verb: 'HELO' | 'EHLO';
  readonly clientAddress: string;
  readonly hostname: string;
  readonly id: string;
  readonly tls: { readonly protocol: string; readonly cipher: string } | undefined;
  /** By a login (RFC 4954). */
  readonly isAuthenticated: boolean;
  readonly smtpUtf8: boolean;
  /** Who was where is not told. */
  readonly hidesClient?: boolean;
  /** Named only when it is the only one, for recipients must not learn of each other. */
  readonly recipient: string | undefined;
  readonly at: number;
}

/** A byte range of the content that does not go on. */
export interface Cut {
  readonly start: number;
  readonly end: number;
}

const MAX_VALUE = 900;
const FOLD_AT = 78;
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

export function receivedField(facts: ReceivedFacts): string {
  const literal = facts.clientAddress.includes(':')
    ? `[IPv6:${facts.clientAddress}]`
    : `[${facts.clientAddress}]`;
  const tls = facts.tls === undefined ? '' : `\r\n\t(${facts.tls.protocol} ${facts.tls.cipher})`;
  const recipient = facts.recipient === undefined ? '' : `\r\n\tfor <${clean(facts.recipient)}>`;
  const from =
    facts.hidesClient === true ? '' : `from ${clean(facts.helloName)} (${literal})\r\n\t`;
  return (
    `Received: ${from}by ${facts.hostname} (Sluice) with ${protocolWord(facts)} id ${facts.id}${tls}${recipient};\r\n` +
    `\t${dateTime(facts.at)}\r\n`
  );
}

/** RFC 3848 and RFC 6531 4.3. */
function protocolWord(facts: ReceivedFacts): string {
  if (facts.verb === 'HELO') return 'SMTP';
  const secured = facts.tls === undefined ? '' : 'S';
  const authenticated = facts.isAuthenticated ? 'A' : '';
  return `${facts.smtpUtf8 ? 'UTF8SMTP' : 'ESMTP'}${secured}${authenticated}`;
}

/** RFC 5322 3.3, in UTC. Put together here: `toUTCString` costs some times as much. */
export function dateTime(at: number): string {
  const date = new Date(at);
  const day = `${DAYS[date.getUTCDay()]}, ${twoDigits(date.getUTCDate())}`;
  const month = `${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  const hour = `${twoDigits(date.getUTCHours())}:${twoDigits(date.getUTCMinutes())}`;
  return `${day} ${month} ${hour}:${twoDigits(date.getUTCSeconds())} +0000`;
}

function twoDigits(number: number): string {
  return number < 10 ? `0${number}` : `${number}`;
}

/** A filter's field as it goes on the wire, folded at spaces near 78 columns. */
export function formatField(field: Field): string {
  const name = field.name.replace(/[^\x21-\x39\x3b-\x7e]/g, '');
  const value = clean(field.value);
  if (name.length + value.length + 2 <= FOLD_AT) return `${name}: ${value}\r\n`;
  let line = `${name}:`;
  let out = '';
  for (const word of value.split(' ')) {
    if (line.length + word.length + 1 > FOLD_AT && line !== `${name}:`) {
      out += `${line}\r\n`;
      line = `\t${word}`;
    } else line += ` ${word}`;
  }
  return `${out}${line}\r\n`;
}

/**
 * Fields of others that carry our name, cut out in whatever form: Authentication-Results (RFC 8601 5),
 * and what filters write on mail (`X-Spam-Checker-Version: ... on mx.example.net`). Those without our
 * name stay, for they are the sender's content; ours stand above them. Nobody but us writes a score of
 * Sluice: where ours has none, there is none.
 */
export function forgedFields(
  bytes: Buffer,
  fields: readonly HeaderField[],
  hostname: string,
): Cut[] {
  const ours = hostname.toLowerCase();
  const cuts: Cut[] = [];
  for (const field of fields) {
    if (isForged(bytes, field, ours)) cuts.push({ start: field.start, end: field.end });
  }
  return cuts;
}

function isForged(bytes: Buffer, field: HeaderField, ours: string): boolean {
  const { name } = field;
  if (name === 'authentication-results') return claims(fieldValue(bytes, field, Infinity), ours);
  if (!name.startsWith('x-')) return false;
  if (OWN_MARKS.includes(name)) return true;
  return FILTER_MARK.test(name) && names(fieldValue(bytes, field, Infinity), ours);
}

const OWN_MARKS: readonly string[] = ['x-sluice-score', 'x-sluice-tests'];
/** A report quotes the mail, Received fields of ours perhaps with it. */
const FILTER_MARK = /^x-(?:spam|virus)-(?!report$)/;

/** What filters find, as they write it on mail; an operator's filter may put others on it. */
export function isFinding(name: string): boolean {
  return /^(?:x-(?:spam|virus|sluice|attachment)-|authentication-results$)/i.test(name);
}

/** Whether `hostname` stands in a text as a whole name. */
function names(text: string, hostname: string): boolean {
  const lower = text.toLowerCase();
  for (let at = lower.indexOf(hostname); at >= 0; at = lower.indexOf(hostname, at + 1)) {
    const isBegin = at === 0 || !/[a-z0-9_.-]/.test(lower.charAt(at - 1));
    if (isBegin && !continues(lower.slice(at + hostname.length, at + hostname.length + 2))) {
      return true;
    }
  }
  return false;
}

/** The name that ended here is only the beginning of a longer one. */
function continues(rest: string): boolean {
  return /^\.?[a-z0-9_-]/.test(rest);
}

/** Whether any reader, however lenient, could take a value for one that `hostname` wrote. */
function claims(value: string, hostname: string): boolean {
  const id = withoutComments(value)
    .replace(/["\\]/g, '')
    // oxlint-disable-next-line no-control-regex -- control characters are what must go
    .replace(/[\x00-\x20\x7f]+/g, ' ')
    .replace(/ ?\. ?/g, '.');
  // What stands around it may be a version, a list or rubbish, but not the rest of a longer name.
  return names(id.split(';', 1)[0] ?? '', hostname);
}

/** RFC 5322 3.2.2: comments nest. A value with one that does not end is left as it is. */
function withoutComments(value: string): string {
  let depth = 0;
  let out = '';
  for (let i = 0; i < value.length; i++) {
    const char = value.charAt(i);
    if (char === '\\' && depth > 0) i += 1;
    else if (char === '(') depth += 1;
    else if (char === ')' && depth > 0) {
      depth -= 1;
      if (depth === 0) out += ' ';
    } else if (depth === 0) out += char;
  }
  return depth > 0 ? value : out;
}

function clean(value: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must go
  return value.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, MAX_VALUE);
}
