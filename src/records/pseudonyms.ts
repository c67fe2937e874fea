/**
 * Pseudonyms: what stands in the records of old days in place of local parts and clients' addresses.
 * A pseudonym is a keyed hash, with a key of its own for each day: whoever knows an address and has
 * the key can find it again, nobody can read it, and the pseudonyms of two days cannot be compared.
 * When a day goes its key goes; then nothing leads back. Whoever holds both the records and the keys
 * can try addresses: this hides from readers of the trace, not from the owner of the machine.
 */
import { createHmac } from 'node:crypto';
import type { EventName, Fields } from '../base/log.ts';
import type { TraceEvent } from '../base/session-traces.ts';
import type { RecordedEvents } from './recorded-events.ts';
import { withoutBrackets } from './terms.ts';

/** Digits of a pseudonym: 64 bits. */
const DIGITS = 16;
const PSEUDONYM = new RegExp(`^~[0-9a-f]{${DIGITS}}$`);
/** The address of a mailbox in any text: local part, plain or quoted, and domain. */
const MAILBOX =
  /("(?:[^"\\]|\\.){0,64}"|[^\s<>()[\],;:"@]{1,128})@([\p{L}\p{N}][\p{L}\p{N}._-]{0,254}|\[[^\]\s]{1,60}\])/gu;
const IPV4 = /\b(?:\d{1,3}\.){3}\d{1,3}\b/g;
/** Eight groups, or some on both sides of `::`: no time of day is one. */
const IPV6 =
  /(?<![\w:.])(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}|(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})?::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})?)(?![\w:])/gi;
/** Clients and what they call themselves. */
const WHOLE: ReadonlySet<string> = new Set(['ip', 'rdns', 'helo', 'acct', 'user', 'ident']);
/** Not of people: servers of ours and of customers, words of closed lists, ids. */
const PLAIN: ReadonlySet<string> = new Set([
  ...[
    'rip',
    'rhost',
    'dest',
    'customer',
    'listener',
    'why',
    'res',
    'how',
    'enh',
    'dir',
    'tls',
    'proto',
  ],
  ...['cipher', 'rcpts', 'next', 'engine', 'verdict', 'orig', 'state', 'end', 'plugin', 'hook'],
]);
/** What no pseudonym can stand for. */
const LEFT_OUT: ReadonlySet<string> = new Set(['subject', 'port', 'sni']);
/**
 * Lines of clients as they came, by event: who broke the protocol may have said a header, with names
 * and subject, and a dialogue has what they call themselves, in the replies too.
 */
const LINES: Readonly<Partial<Record<EventName, string>>> = {
  'smtp.proto': 'what',
  'smtp.line': 'text',
};
/** What of such a line stays: the command, the name of the field, the code. */
const FIRST_WORD = /^[^\s:-]{0,40}[:-]?/;

/** `mailbox`: the domain stays; the default where there is an `@`. `whole`: nothing does. */
export type Pseudonym = (value: string, form?: 'mailbox' | 'whole') => string;

/** Makes the pseudonym of an address, an IP address or a Message-ID; that of one stays it. */
export function pseudonymWith(key: string): Pseudonym {
  const hash = (text: string) => {
    const lower = text.toLowerCase();
    if (PSEUDONYM.test(lower)) return lower;
    return `~${createHmac('sha256', key).update(lower).digest('hex').slice(0, DIGITS)}`;
  };
  return (value, form = 'mailbox') => {
    const at = value.lastIndexOf('@');
    return at < 0 || form === 'whole'
      ? hash(value)
      : hash(value.slice(0, at)) + value.slice(at).toLowerCase();
  };
}

/** The same events with pseudonyms. */
export function withPseudonyms(recorded: RecordedEvents, pseudonym: Pseudonym): RecordedEvents {
  const change = (event: TraceEvent): TraceEvent => ({
    ...event,
    fields: fieldsWith(event.fields, LINES[event.evt], pseudonym),
  });
  return { ...recorded, session: recorded.session.map(change), own: recorded.own.map(change) };
}

function fieldsWith(fields: Fields, line: string | undefined, pseudonym: Pseudonym): Fields {
  const changed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (LEFT_OUT.has(name)) continue;
    if (name === line && typeof value === 'string') changed[name] = firstWord(value);
    else changed[name] = PLAIN.has(name) ? value : valueWith(name, value, pseudonym);
  }
  return changed;
}

function valueWith(name: string, value: unknown, pseudonym: Pseudonym): unknown {
  if (Array.isArray(value)) return value.map((one: unknown) => valueWith(name, one, pseudonym));
  if (typeof value !== 'string' || value === '') return value;
  if (name === 'msgid') return pseudonym(withoutBrackets(value), 'whole');
  return WHOLE.has(name) ? pseudonym(value) : textWith(value, pseudonym);
}

function firstWord(line: string): string {
  const [word = ''] = FIRST_WORD.exec(line) ?? [];
  return word === line ? line : `${word} ...`;
}

/** All mailboxes and IP addresses in a text. */
function textWith(text: string, pseudonym: Pseudonym): string {
  return text
    .replace(MAILBOX, (mailbox) => pseudonym(mailbox))
    .replace(IPV4, (address) => pseudonym(address))
    .replace(IPV6, (address) => pseudonym(address));
}
