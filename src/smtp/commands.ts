/**
 * Command lines into commands, one shape per verb (RFC 5321 4.1). Verbs are a table of grammars. The
 * syntax is strict: no space behind the colon of MAIL FROM: and RCPT TO:, no argument where there is
 * none, no source route, no unknown parameter. What cannot be read carries its reply. Whether a
 * command is allowed now is not known here (session-state.ts).
 */
import type { Address, Parsed, ReversePath } from '../mail/address.ts';
import {
  isAddressLiteral,
  needsSmtpUtf8,
  parseForwardPath,
  parseReversePath,
} from '../mail/address.ts';
import type { MailParameters, Recipient } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import { parseMailParameters, parseRcptParameters } from './esmtp-parameters.ts';

export type Verb =
  | 'EHLO'
  | 'HELO'
  | 'MAIL'
  | 'RCPT'
  | 'DATA'
  | 'RSET'
  | 'NOOP'
  | 'QUIT'
  | 'STARTTLS'
  | 'VRFY'
  | 'EXPN'
  | 'HELP'
  | 'AUTH'
  | 'BDAT'
  | 'ETRN'
  | 'XCLIENT';

export type Command =
  | { readonly verb: 'EHLO' | 'HELO'; readonly name: string }
  | {
      readonly verb: 'MAIL';
      readonly reversePath: ReversePath;
      readonly parameters: MailParameters;
    }
  | { readonly verb: 'RCPT'; readonly recipient: Recipient }
  /** The mechanism in capitals, empty when it is no word; `initial` as sent, may be anything. */
  | { readonly verb: 'AUTH'; readonly mechanism: string; readonly initial: string | undefined }
  | { readonly verb: 'BDAT'; readonly chunk: Chunk }
  | { readonly verb: 'ETRN'; readonly queue: QueueName }
  /** Read only when it may be given at all. */
  | { readonly verb: 'XCLIENT'; readonly argument: string }
  | {
      readonly verb: Exclude<
        Verb,
        'EHLO' | 'HELO' | 'MAIL' | 'RCPT' | 'AUTH' | 'BDAT' | 'ETRN' | 'XCLIENT'
      >;
    };

/** What a client wants to have started (RFC 1985 5.3). */
export interface QueueName {
  readonly name: string;
  /** And the domains below it. */
  readonly subdomains: boolean;
}

/** The octets that follow a BDAT command, and whether they end the message (RFC 3030 2). */
export interface Chunk {
  readonly octets: number;
  readonly isLast: boolean;
}

/** A line that is no command; `verb` is there when at least that could be read. */
export interface Malformed {
  readonly reply: Reply;
  readonly verb?: Verb;
}

export interface CommandContext {
  /** `<Postmaster>` without a domain is ours (RFC 5321 4.5.1). */
  readonly hostname: string;
  /** The open transaction was declared SMTPUTF8. */
  readonly smtpUtf8: boolean;
}

type Grammar = (argument: string, context: CommandContext) => Command | Reply;

const MAX_HELLO_NAME = 255;
const MAX_VERB = 12;
const POSTMASTER = '<postmaster>';
/** Names as real clients send them: single labels and underscores too. */
const HELLO_NAME = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?$/;
/** As many digits as a number holds exactly. */
const CHUNK = /^(\d{1,15})( +LAST)?$/i;
const MECHANISM = /^[A-Za-z0-9_-]{1,20}$/; // RFC 4422 3.1
/** A request line, or the header field of one. */
const HTTP = /^(?:[A-Z]{3,8} \S+ HTTP\/\d|[A-Z][A-Z-]{0,40}:(?: |$))/i;

const GRAMMARS: ReadonlyMap<string, readonly [Verb, Grammar]> = new Map(
  Object.entries({
    EHLO: (argument) => hello('EHLO', argument),
    HELO: (argument) => hello('HELO', argument),
    MAIL: mail,
    RCPT: rcpt,
    DATA: bare('DATA'),
    RSET: bare('RSET'),
    NOOP: () => ({ verb: 'NOOP' }),
    QUIT: bare('QUIT'),
    STARTTLS: bare('STARTTLS'),
    VRFY: (argument) =>
      argument === '' ? replies.badArgument('VRFY needs an argument') : { verb: 'VRFY' },
    EXPN: () => ({ verb: 'EXPN' }),
    HELP: () => ({ verb: 'HELP' }),
    AUTH: auth,
    BDAT: bdat,
    ETRN: etrn,
    XCLIENT: (argument) => ({ verb: 'XCLIENT', argument }),
  } satisfies Record<Verb, Grammar>).map(([verb, grammar]) => [
    verb,
    [verb as Verb, grammar], // Object.entries loses the keys' type
  ]),
);

export function parseCommand(line: string, context: CommandContext): Command | Malformed {
  const space = line.indexOf(' ');
  const word = space < 0 ? line : line.slice(0, space);
  const entry = GRAMMARS.get(word) ?? inCapitals(word);
  if (entry === undefined) {
    return { reply: HTTP.test(line) ? replies.notSmtp() : replies.unknownCommand() };
  }
  const [verb, grammar] = entry;
  // RFC 5321 4.1.1: trailing white space is tolerated.
  const result = grammar(space < 0 ? '' : line.slice(space + 1).trimEnd(), context);
  return 'code' in result ? { reply: result, verb } : result;
}

/** Of a verb in other letter case; upper-casing may turn other letters into ASCII ones. */
function inCapitals(word: string): readonly [Verb, Grammar] | undefined {
  if (word.length > MAX_VERB || !/^[A-Za-z]+$/.test(word)) return undefined;
  return GRAMMARS.get(word.toUpperCase());
}

function auth(argument: string): Command {
  const [word = '', initial, ...more] = argument.split(/ +/);
  const isPlain = more.length === 0 && MECHANISM.test(word);
  return { verb: 'AUTH', mechanism: isPlain ? word.toUpperCase() : '', initial };
}

/** Without the size nobody can tell what follows from commands: the refusal ends the session. */
function bdat(argument: string): Command | Reply {
  const [, octets, last] = CHUNK.exec(argument) ?? [];
  if (octets === undefined) return replies.badChunk();
  return { verb: 'BDAT', chunk: { octets: Number(octets), isLast: last !== undefined } };
}

/** Queues here have no names but those of the domains, so `#` says nothing more. */
function etrn(argument: string): Command | Reply {
  const option = /^[@#]/.exec(argument)?.[0] ?? '';
  const name = argument.slice(option.length);
  if (name.length > MAX_HELLO_NAME || !HELLO_NAME.test(name)) {
    return replies.badArgument('Syntax: ETRN domain, or @domain for those below it too');
  }
  return { verb: 'ETRN', queue: { name: name.replace(/\.$/, ''), subdomains: option === '@' } };
}

function bare(verb: 'DATA' | 'RSET' | 'QUIT' | 'STARTTLS'): Grammar {
  return (argument) =>
    argument === '' ? { verb } : replies.badArgument(`${verb} takes no argument`);
}

function hello(verb: 'EHLO' | 'HELO', name: string): Command | Reply {
  if (name === '') return replies.badArgument(`${verb} needs a domain or address literal`);
  if (!isHelloName(name)) return replies.badArgument('Malformed domain or address literal');
  return { verb, name };
}

export function isHelloName(name: string): boolean {
  return (name.length <= MAX_HELLO_NAME && HELLO_NAME.test(name)) || isAddressLiteral(name);
}

function mail(argument: string): Command | Reply {
  const parts = splitPath('FROM:', argument);
  if (parts === undefined) return replies.syntax('Syntax: MAIL FROM:<address>');
  const parsed = parseReversePath(parts.path);
  if (!parsed.ok) return replies.badSenderAddress(`Bad sender: ${parsed.problem}`);
  const options = parseMailParameters(parts.parameters);
  if (!options.ok) return options.reply;
  if (needsSmtpUtf8(parsed.value) && options.parameters.smtpUtf8 !== true) {
    return replies.needsSmtpUtf8();
  }
  return { verb: 'MAIL', reversePath: parsed.value, parameters: options.parameters };
}

function rcpt(argument: string, context: CommandContext): Command | Reply {
  const parts = splitPath('TO:', argument);
  if (parts === undefined) return replies.syntax('Syntax: RCPT TO:<address>');
  const parsed = parseRecipientPath(parts.path, context.hostname);
  if (!parsed.ok) return replies.badAddress(`Bad recipient: ${parsed.problem}`);
  const options = parseRcptParameters(parts.parameters);
  if (!options.ok) return options.reply;
  if (needsSmtpUtf8(parsed.value) && !context.smtpUtf8) return replies.needsSmtpUtf8();
  return {
    verb: 'RCPT',
    recipient: { address: parsed.value, parameters: options.parameters },
  };
}

function parseRecipientPath(path: string, hostname: string): Parsed<Address> {
  if (path.length === POSTMASTER.length && path.toLowerCase() === POSTMASTER) {
    return { ok: true, value: { local: 'postmaster', domain: hostname } };
  }
  return parseForwardPath(path);
}

/** `FROM:<path> parameters`: the closing bracket is the first one outside a quoted string. */
function splitPath(
  keyword: 'FROM:' | 'TO:',
  argument: string,
): { path: string; parameters: string } | undefined {
  const start = keyword.length;
  const isThere =
    argument.startsWith(keyword) || argument.slice(0, start).toUpperCase() === keyword;
  if (!isThere || argument[start] !== '<') return undefined;
  let quoted = false;
  for (let i = start + 1; i < argument.length; i++) {
    const char = argument[i];
    if (quoted && char === '\\') i += 1;
    else if (char === '"') quoted = !quoted;
    else if (char === '>' && !quoted) {
      const rest = argument.slice(i + 1);
      if (rest !== '' && !rest.startsWith(' ')) return undefined;
      return { path: argument.slice(start, i + 1), parameters: rest.trimStart() };
    }
  }
  return undefined;
}
