/**
 * What a person asks the trace for, and what that means for a search: conditions on terms, the same
 * for the index and for looking at what was found. A day whose addresses are pseudonyms is asked for
 * the pseudonyms; what can no more be asked of it (the beginning of an address, a subject) finds
 * nothing there.
 */
import { isIP } from 'node:net';
import type { Condition, TermMatch } from '../store/record-store.ts';
import type { TermKind } from './terms.ts';
import type { Pseudonym } from './pseudonyms.ts';
import { NULL_SENDER, resultMatches, term, withoutBrackets, wordsOf } from './terms.ts';

export interface TraceQuery {
  /** An address, `@domain`, the beginning of an address, an IP address, Message-ID or remote id. */
  readonly text?: string;
  /** This Message-ID and no other, whatever it looks like: strangers may choose it. */
  readonly msgid?: string;
  readonly from?: string;
  readonly to?: string;
  readonly client?: string;
  /** The customer's. */
  readonly domain?: string;
  readonly account?: string;
  readonly subject?: string;
  readonly since?: number;
  readonly until?: number;
  readonly dir?: string;
  /** `accepted` finds `accepted/delivered` as well. */
  readonly result?: string;
  /** Each row tells which of these are recipients of it. */
  readonly among?: readonly string[];
  readonly limit: number;
  /** Where the page before ended. */
  readonly cursor?: string;
}

/** All of them must hold. */
export function conditionsOf(query: TraceQuery): Condition[] {
  const { text, msgid, from, to, client, domain, account, subject, result } = query;
  const conditions: Condition[] = [];
  if (text !== undefined) conditions.push(anything(text));
  if (msgid !== undefined) conditions.push([{ term: term('m', withoutBrackets(msgid)) }]);
  if (from !== undefined) conditions.push(addresses('f', from));
  if (to !== undefined) conditions.push(addresses('t', to));
  if (client !== undefined) conditions.push([valued('c', client)]);
  if (domain !== undefined) conditions.push(addresses('t', atDomain(domain)));
  if (account !== undefined) conditions.push([valued('a', account)]);
  if (subject !== undefined) {
    // Nothing but signs: no subject has it as a word.
    const words = wordsOf(subject);
    conditions.push(
      ...(words.length === 0 ? [[]] : words.map((word) => [{ term: term('w', word) }])),
    );
  }
  const matches = result === undefined ? undefined : resultMatches(result);
  if (matches !== undefined) conditions.push(matches);
  return conditions;
}

export function recipientCondition(address: string): Condition {
  return addresses('t', address);
}

/** Kinds whose values are pseudonyms on a day that has them. */
const PERSONAL: ReadonlySet<string> = new Set<TermKind>(['f', 't', 'c', 'm', 'a']);

/** The same conditions for a day of pseudonyms; undefined when none of its records can fit. */
export function pseudonymous(
  conditions: readonly Condition[],
  pseudonym: Pseudonym,
): Condition[] | undefined {
  const changed = conditions.map((condition) =>
    condition.flatMap((match): TermMatch[] => {
      const text = 'term' in match ? match.term : match.prefix;
      const kind = text.charAt(0);
      if (kind === 'w') return [];
      if (!PERSONAL.has(kind) || text === term('f', NULL_SENDER)) return [match];
      if (!('term' in match)) return [];
      return [{ term: kind + pseudonym(text.slice(1), kind === 'm' ? 'whole' : 'mailbox') }];
    }),
  );
  return changed.some((condition) => condition.length === 0) ? undefined : changed;
}

export function meets(terms: ReadonlySet<string>, conditions: readonly Condition[]): boolean {
  return conditions.every((condition) =>
    condition.some((match) => {
      if ('term' in match) return terms.has(match.term);
      for (const one of terms) if (one.startsWith(match.prefix)) return true;
      return false;
    }),
  );
}

/** Whatever the text may be. */
function anything(text: string): Condition {
  const value = text.trim();
  if (value === NULL_SENDER) return addresses('f', NULL_SENDER);
  if (isIP(value) !== 0) return [valued('c', value)];
  const either = [...addresses('f', value), ...addresses('t', value)];
  if (value.startsWith('@')) return either;
  const ids = [valued('m', withoutBrackets(value)), { term: term('q', value) }];
  const domain = value.includes('@') || !value.includes('.') ? [] : [atDomain(value)];
  const domains = domain.flatMap((name) => [...addresses('f', name), ...addresses('t', name)]);
  const clients = value.endsWith('*') ? [valued('c', value)] : [];
  return [...either, ...ids, ...domains, ...clients];
}

/** An address, also in brackets, `@domain`, or the beginning of an address, with or without a `*`. */
function addresses(kind: 'f' | 't', text: string): TermMatch[] {
  const value = withoutBrackets(text);
  if (value.startsWith('@')) {
    if (kind === 'f') return [{ term: term('F', value) }];
    return [{ term: term('T', value) }, { term: term('d', value) }];
  }
  if (value === '') return [{ term: term(kind, NULL_SENDER) }];
  if (value.endsWith('*') || value.includes('@')) return [valued(kind, value)];
  return [{ prefix: term(kind, value) }];
}

/** The value, or what begins with it when a `*` ends it. */
function valued(kind: TermKind, value: string): TermMatch {
  return value.endsWith('*')
    ? { prefix: term(kind, value.slice(0, -1)) }
    : { term: term(kind, value) };
}

function atDomain(domain: string): string {
  return domain.startsWith('@') ? domain : `@${domain}`;
}
