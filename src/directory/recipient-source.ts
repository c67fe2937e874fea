/**
 * Who the recipients of a domain are: the list in its file, or a file of one address per line, as
 * keys that are compared with addresses from the network; or where they are asked for. Every address must be of the domain or of
 * one of its aliases, and is that address alone: an alias is listed in its own right.
 */
import { dirname, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DomainFile } from '../config/domain-file.ts';
import type { Path, Problem } from '../config/problem.ts';
import { readTextFile } from '../config/text-file.ts';
import type { Address } from '../mail/address.ts';
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
const ADDRESSES_PER_TURN = 2000;

export interface RecipientReading {
  readonly recipients: RecipientSource;
  readonly problems: readonly Problem[];
}

/** `names` are the domain's name and aliases as they are compared. */
export async function readRecipients(
  domainFile: DomainFile,
  names: readonly string[],
): Promise<RecipientReading> {
  const { recipients: settings } = domainFile.settings;
  if (typeof settings === 'string') return { recipients: { kind: settings }, problems: [] };
  if (settings.list !== undefined) {
    const list = settings.list.map((text, index) => ({ text, at: index }));
    return collect(list, domainFile, names, (index, text, severity) =>
      domainFile.problemAt(['recipients', 'list', index], text, severity),
    );
  }
  if (settings.file !== undefined) return readRecipientFile(settings.file, domainFile, names);
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
): Promise<RecipientReading> {
  const file = resolve(dirname(domainFile.file), name);
  const text = await readTextFile(file, MAX_FILE_BYTES);
  if (!text.ok) return failed(domainFile, ['recipients', 'file'], `${name} ${text.problem}`);
  return collect(linesOf(text.value), domainFile, names, (line, problem, severity = 'error') => ({
    file,
    line,
    col: 1,
    severity,
    path: 'recipients',
    text: problem,
  }));
}

/** One at a time: a list of all of them would take its time in one piece. */
function* linesOf(text: string): Generator<Line> {
  let at = 0;
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end < 0 ? text.length : end).trim();
    const address = line.replace(/(^|\s)#.*$/, '').trim();
    at += 1;
    if (address !== '') yield { text: address, at };
    start = end < 0 ? text.length : end + 1;
  }
}

function failed(domainFile: DomainFile, path: Path, text: string): RecipientReading {
  const problems = [domainFile.problemAt(path, text)];
  return { recipients: { kind: 'list', addresses: new Set() }, problems };
}

interface Line {
  readonly text: string;
  readonly at: number;
}

async function collect(
  lines: Iterable<Line>,
  domainFile: DomainFile,
  names: readonly string[],
  problemAt: (at: number, text: string, severity?: Problem['severity']) => Problem,
): Promise<RecipientReading> {
  const caseSensitive = domainFile.settings.case_sensitive_local_parts;
  const addresses = new Set<string>();
  const named = new Set<string>();
  const problems: Problem[] = [];
  // Few domains, many addresses; those that are not ours are problems and so bounded.
  const known = new Map<string, readonly string[]>();
  const formsOf = (domain: string): readonly string[] => {
    const forms = known.get(domain) ?? domainForms(domain);
    known.set(domain, forms);
    return forms;
  };
  let read = 0;
  for (const { text, at } of lines) {
    read += 1;
    if (read % ADDRESSES_PER_TURN === 0) await nextTurn();
    if (problems.length === MAX_PROBLEMS) {
      problems.push(problemAt(at, 'and further on; only the first wrong addresses are shown'));
      break;
    }
    const parsed = parseAddress(text);
    const forms = parsed.ok ? formsOf(parsed.value.domain) : [];
    const name = forms.find((form) => names.includes(form));
    if (!parsed.ok) problems.push(problemAt(at, `${parsed.problem}, found ${shown(text)}`));
    else if (name === undefined) {
      problems.push(problemAt(at, `is not of this domain or one of its aliases: ${shown(text)}`));
    } else {
      named.add(name);
      for (const key of keysOf(parsed.value, forms, caseSensitive)) addresses.add(key);
    }
  }
  if (problems.length === 0) {
    for (const name of names) {
      if (named.has(name)) continue;
      const text = `no address of ${name} is listed: all its mail is refused`;
      problems.push(domainFile.problemAt(['recipients'], text, 'warning'));
    }
  }
  return { recipients: { kind: 'list', addresses }, problems };
}

/** One key for each form in which the domain may come from the network. */
function keysOf(address: Address, forms: readonly string[], caseSensitive: boolean): string[] {
  return forms.map((domain) => recipientKey({ local: address.local, domain }, caseSensitive));
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
