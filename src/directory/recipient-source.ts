/**
 * Who the recipients of a domain are: the list in its file, or a file of one address per line, as
 * keys that are compared with addresses from the network; or where they are asked for. Every
 * address must be of the domain or of one of its aliases, and is that address alone: an alias is
 * listed in its own right.
 */
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DomainFile } from '../config/domain-file.ts';
import type { Path, Problem } from '../config/problem.ts';
import { readTextPieces } from '../config/text-file.ts';
import { parseAddress } from '../mail/address.ts';
import { domainForms } from './domain-name.ts';
import type { RecipientSource } from './domain.ts';
import { readLdapSource } from './ldap/source.ts';
import { recipientKey } from './domain.ts';

/** Two million addresses; more than one customer domain has. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** After so many wrong lines it is the wrong file. */
const MAX_PROBLEMS = 10;
/** A long list is read while mail flows: after so many addresses, others get their turn. */
const ADDRESSES_PER_TURN = 500;
/** Shorter lists are read anew each time: that costs nothing, and no doubt about their state. */
const LONG_BYTES = 64 * 1024;
/** RFC 5322 3.2.3 in ASCII, as nearly all addresses are; others take the long way. */
const PLAIN_LOCAL = /^[\w!#$%&'*+\-/=?^`{|}~]+(?:\.[\w!#$%&'*+\-/=?^`{|}~]+)*$/;
const MAX_PLAIN_LOCAL = 64; // RFC 5321 4.5.3.1.1
const MAX_PLAIN = 254; // RFC 5321 4.5.3.1.3, without the angle brackets

export interface RecipientReading {
  readonly recipients: RecipientSource;
  readonly problems: readonly Problem[];
}

/** `names` are the domain's name and aliases as they are compared; `before` is in force. */
export async function readRecipients(
  domainFile: DomainFile,
  names: readonly string[],
  before?: RecipientSource,
): Promise<RecipientReading> {
  const { recipients: settings } = domainFile.settings;
  if (typeof settings === 'string') return { recipients: { kind: settings }, problems: [] };
  if (settings.list !== undefined) {
    const list = settings.list.map((text, index) => ({ text, at: index }));
    return collect(inPieces(list), domainFile, names, (index, text, severity) =>
      domainFile.problemAt(['recipients', 'list', index], text, severity),
    );
  }
  if (settings.file !== undefined) {
    return readRecipientFile(settings.file, domainFile, names, before);
  }
  if (settings.ldap !== undefined) {
    const { source, problems } = await readLdapSource(settings.ldap, domainFile);
    return { recipients: source, problems };
  }
  // The schema lets none of them all be missing.
  return failed(domainFile, ['recipients'], 'names no source');
}

async function readRecipientFile(
  name: string,
  domainFile: DomainFile,
  names: readonly string[],
  before: RecipientSource | undefined,
): Promise<RecipientReading> {
  const file = resolve(dirname(domainFile.file), name);
  // Before it is read: what changes while it is read is seen as a change next time.
  const mark = await markOf(file, domainFile, names);
  if (mark !== undefined && before?.kind === 'list' && before.from?.mark === mark) {
    return { recipients: before, problems: unlistedNames(before.from.unlisted, domainFile) };
  }
  const { pieces, problem } = readTextPieces(file, MAX_FILE_BYTES);
  const problemAt: ProblemAtLine = (line, text, severity = 'error') => ({
    file,
    line,
    col: 1,
    severity,
    path: 'recipients',
    code: 'value',
    text,
  });
  const reading = await collect(linesOf(pieces), domainFile, names, problemAt, mark);
  const why = problem();
  return why === undefined ? reading : failed(domainFile, ['recipients', 'file'], `${name} ${why}`);
}

/** By which a long file is known to be the one that was read; undefined: read it. */
async function markOf(
  file: string,
  { settings }: DomainFile,
  names: readonly string[],
): Promise<string | undefined> {
  const found = await stat(file, { bigint: true }).catch(() => undefined);
  if (found === undefined || found.size < LONG_BYTES) return undefined;
  const { dev, ino, size, ctimeNs, mtimeNs } = found;
  const state = [dev, ino, size, ctimeNs, mtimeNs].join(' ');
  return JSON.stringify([file, state, names, settings.case_sensitive_local_parts]);
}

function unlistedNames(names: readonly string[], { problemAt }: DomainFile): Problem[] {
  return names.map((name) => {
    const text = `no address of ${name} is listed: all its mail is refused`;
    return problemAt(['recipients'], text, 'warning');
  });
}

/** Longer than any address: the rest of such a line is passed over. */
const MAX_LINE = 4096;

/** The addresses of each piece; between pieces others get their turn. */
async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<readonly Line[]> {
  let rest = '';
  let at = 0;
  const addressIn = (line: string): Line | readonly [] => {
    at += 1;
    const whole = line.trim();
    const text = whole.includes('#') ? whole.replace(/(^|\s)#.*$/, '').trim() : whole;
    return text === '' ? [] : { text, at };
  };
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = (lines.pop() ?? '').slice(0, MAX_LINE);
    yield lines.flatMap(addressIn);
  }
  yield [rest].flatMap(addressIn);
}

function failed(domainFile: DomainFile, path: Path, text: string): RecipientReading {
  const problems = [domainFile.problemAt(path, text)];
  return { recipients: { kind: 'list', addresses: new Set() }, problems };
}

type ProblemAtLine = (at: number, text: string, severity?: Problem['severity']) => Problem;

// oxlint-disable-next-line require-await -- a list is at hand as one piece
async function* inPieces(lines: readonly Line[]): AsyncGenerator<readonly Line[]> {
  yield lines;
}

interface Line {
  readonly text: string;
  readonly at: number;
}

async function collect(
  pieces: AsyncIterable<readonly Line[]>,
  domainFile: DomainFile,
  names: readonly string[],
  problemAt: ProblemAtLine,
  mark?: string,
): Promise<RecipientReading> {
  const caseSensitive = domainFile.settings.case_sensitive_local_parts;
  const addresses = new Set<string>();
  const problems: Problem[] = [];
  // Few domains, many addresses: what is known of a domain is found out once.
  const known = new Map<string, { readonly forms: readonly string[]; readonly name: string }>();
  const take = ({ text, at }: Line): void => {
    const sign = text.lastIndexOf('@');
    const domain = known.get(text.slice(sign + 1));
    const plain = text.slice(0, sign);
    const isShort = plain.length <= MAX_PLAIN_LOCAL && text.length <= MAX_PLAIN;
    if (domain !== undefined && isShort && PLAIN_LOCAL.test(plain)) {
      for (const key of keysOf(plain, domain.forms, caseSensitive)) addresses.add(key);
      return;
    }
    const parsed = parseAddress(text);
    const forms = parsed.ok ? domainForms(parsed.value.domain) : [];
    const name = forms.find((form) => names.includes(form));
    if (!parsed.ok) problems.push(problemAt(at, `${parsed.problem}, found ${shown(text)}`));
    else if (name === undefined) {
      problems.push(problemAt(at, `is not of this domain or one of its aliases: ${shown(text)}`));
    } else {
      known.set(parsed.value.domain, { forms, name });
      for (const key of keysOf(parsed.value.local, forms, caseSensitive)) addresses.add(key);
    }
  };
  let read = 0;
  reading: for await (const lines of pieces) {
    for (const line of lines) {
      read += 1;
      if (read % ADDRESSES_PER_TURN === 0) await nextTurn();
      if (problems.length === MAX_PROBLEMS) {
        const text = 'and further on; only the first wrong addresses are shown';
        problems.push(problemAt(line.at, text));
        break reading;
      }
      take(line);
    }
  }
  if (problems.length > 0) return { recipients: { kind: 'list', addresses }, problems };
  const listed = new Set([...known.values()].map(({ name }) => name));
  const unlisted = names.filter((name) => !listed.has(name));
  return {
    recipients: {
      kind: 'list',
      addresses,
      ...(mark !== undefined && { from: { mark, unlisted } }),
    },
    problems: unlistedNames(unlisted, domainFile),
  };
}

/** One key for each form in which the domain may come from the network. */
function keysOf(local: string, forms: readonly string[], caseSensitive: boolean): string[] {
  return forms.map((domain) => recipientKey({ local, domain }, caseSensitive));
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
