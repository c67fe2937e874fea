/**
 * The terms by which a record is found: a letter for the kind, then the value in lower case. They
 * are made from the events alone, so that what is stored and what is searched for cannot differ.
 *
 *     f t   sender, recipient           F T   their domains, with the `@`
 *     d     the customer's domain       c     the client's address
 *     m     Message-ID, without <>      q     id at the next server
 *     a     account                     w     a word of the subject
 *     s     a word of the result
 */
import type { TraceEvent } from '../base/session-traces.ts';
import { remoteId } from '../mail/remote-id.ts';
import type { TermMatch } from '../store/record-store.ts';
import { RESULT_WORDS } from './results.ts';

export type TermKind = 'f' | 't' | 'F' | 'T' | 'd' | 'c' | 'm' | 'q' | 'a' | 'w' | 's';

/** Longest value that is told apart. */
const MAX_VALUE = 255;
/** Of one segment; a message of more recipients is still found by the first ones. */
const MAX_TERMS = 2000;
const MAX_WORDS = 16;
export const NULL_SENDER = '<>';
const COMMON_WORDS: ReadonlySet<string> = new Set(['accepted', 'delivered', 'open', 'no mail']);

export function term(kind: TermKind, value: string): string {
  return kind + value.slice(0, MAX_VALUE).toLowerCase();
}

export function termsOf(events: readonly TraceEvent[]): string[] {
  const terms = new Set<string>();
  for (const { evt, fields } of events) {
    if (terms.size >= MAX_TERMS) break;
    const { from, to, dest, customer, ip, msgid, acct, subject, recipients } = fields;
    if (typeof from === 'string') addAddress(terms, 'f', 'F', from || NULL_SENDER);
    if (typeof customer === 'string') terms.add(term('d', `@${customer}`));
    else if (typeof dest === 'string' && isHosted(evt, dest)) terms.add(term('d', `@${dest}`));
    if (Array.isArray(recipients)) addEach(terms, recipients);
    else if (typeof to === 'string' && to !== '') addEach(terms, to.split(','));
    if (typeof ip === 'string') terms.add(term('c', ip));
    if (typeof msgid === 'string' && msgid !== '') terms.add(term('m', withoutBrackets(msgid)));
    if (typeof acct === 'string') terms.add(term('a', acct));
    if (typeof subject === 'string')
      for (const word of wordsOf(subject)) terms.add(term('w', word));
    if (evt === 'rcpt.sent' && typeof fields['text'] === 'string') {
      const id = remoteId(fields['text']);
      if (id !== undefined) terms.add(term('q', id));
    }
  }
  // The domain of the customer is mostly that of his recipients: once is enough.
  for (const one of terms) if (one.startsWith('d')) terms.delete(`T${one.slice(1)}`);
  return [...terms];
}

/**
 * The terms of a result, one for each of its two phases; what most mail comes to has none, for a
 * list of it would be of no use.
 */
export function resultTerms(result: string): string[] {
  const terms: string[] = [];
  for (const word of result.split('/')) {
    if (word !== '' && !COMMON_WORDS.has(word)) terms.push(term('s', word));
  }
  return terms;
}

/** What finds a result that begins so; undefined when terms are of no help. */
export function resultMatches(result: string): TermMatch[] | undefined {
  const [told = '', later = ''] = result.toLowerCase().split('/');
  const word = later !== '' && !'delivered'.startsWith(later) ? later : told;
  if (word === '' || [...COMMON_WORDS].some((common) => common.startsWith(word))) return undefined;
  const words = RESULT_WORDS.filter((one) => one.startsWith(word));
  return words.map((one) => ({ term: term('s', one) }));
}

export function withoutBrackets(text: string): string {
  const bare = text.trim();
  return bare.slice(bare.startsWith('<') ? 1 : 0, bare.endsWith('>') ? -1 : undefined);
}

export function wordsOf(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]{2,40}/gu) ?? [];
  return [...new Set(words)].slice(0, MAX_WORDS);
}

function addEach(terms: Set<string>, addresses: readonly unknown[]): void {
  for (const address of addresses) {
    if (typeof address === 'string') addAddress(terms, 't', 'T', address);
  }
}

function addAddress(terms: Set<string>, kind: 'f' | 't', domain: 'F' | 'T', address: string): void {
  terms.add(term(kind, address));
  const at = address.lastIndexOf('@');
  if (at >= 0) terms.add(term(domain, address.slice(at)));
}

/** A hosted domain's own name; ways to everybody else (`mx:example.net`) are no customers. */
function isHosted(evt: string, dest: string): boolean {
  return (evt.startsWith('msg.') || evt.startsWith('rcpt.')) && !dest.includes(':');
}
