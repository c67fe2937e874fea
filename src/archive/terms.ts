/** The terms that a message of the archive is found by. */
import type { Archived, ArchiveQuery } from '../mail/archived-mail.ts';
import type { Condition } from '../store/record-store.ts';

/** Of one message; more words and recipients are kept and not found. */
const MAX_WORDS = 30;
const MAX_RECIPIENTS = 1000;
const MAX_WORD = 40;

export function termsOf(mail: Archived): string[] {
  const found = [
    `a:${fold(mail.account)}`,
    `d:${fold(mail.domain)}`,
    ...addressTerms('f', mail.from),
    ...mail.rcpts.slice(0, MAX_RECIPIENTS).flatMap((rcpt) => addressTerms('t', rcpt)),
    ...(mail.msgid === undefined ? [] : [`m:${mail.msgid}`]),
    ...wordsOf(mail.subject ?? '').map((word) => `s:${word}`),
  ];
  return [...new Set(found)];
}

export function conditionsOf(query: ArchiveQuery): Condition[] {
  const { from, to, account, domain, subject, msgid } = query;
  const terms = [
    ...(from === undefined ? [] : [`f:${fold(from)}`]),
    ...(to === undefined ? [] : [`t:${fold(to)}`]),
    ...(account === undefined ? [] : [`a:${fold(account)}`]),
    ...(domain === undefined ? [] : [`d:${fold(domain)}`]),
    ...(msgid === undefined ? [] : [`m:${msgid}`]),
    ...(subject === undefined ? [] : wordsOf(subject).map((word) => `s:${word}`)),
  ];
  return terms.map((term) => [{ term }]);
}

export function isMeant(mail: Archived, query: ArchiveQuery): boolean {
  const terms = new Set(termsOf(mail));
  const { since = -Infinity, until = Infinity } = query;
  return (
    mail.at >= since &&
    mail.at < until &&
    conditionsOf(query).every((one) =>
      one.some((match) => 'term' in match && terms.has(match.term)),
    )
  );
}

function addressTerms(kind: 'f' | 't', address: string): string[] {
  const folded = fold(address);
  return [`${kind}:${folded}`, `${kind}:${folded.slice(folded.lastIndexOf('@'))}`];
}

function wordsOf(text: string): string[] {
  const words = fold(text).match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.slice(0, MAX_WORDS).map((word) => word.slice(0, MAX_WORD));
}

function fold(text: string): string {
  return text.toLowerCase();
}
