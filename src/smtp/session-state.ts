/**
 * What an SMTP session may do when (RFC 5321 4.1.4, RFC 3207): a pure table of states against verbs.
 * `denial` says why a command may not be given now, `stateAfter` where a command leads once it was
 * answered. The session keeps nothing but the name of its state.
 */
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { Verb } from './commands.ts';

export type SessionState =
  | 'start' // greeted, or TLS has just begun: no EHLO yet
  | 'ready' // EHLO or HELO was taken, no transaction is open
  | 'mail' // a reverse-path was taken
  | 'refused' // and all recipients so far were refused
  | 'rcpt' // and at least one recipient was taken
  | 'content'; // the content is being read

const helloFirst = (): Reply => replies.badSequence('Send EHLO or HELO first');
const mailFirst = (): Reply => replies.badSequence('Send MAIL first');
const rcptFirst = (): Reply => replies.badSequence('Send RCPT first');
const nested = (): Reply => replies.badSequence('A transaction is open already');
const notWithin = (): Reply => replies.badSequence('Not within a transaction');

type Denials = Partial<Record<Verb, () => Reply>>;

/** A verb that a row does not name is allowed in that state. */
const DENIALS: Record<SessionState, Denials> = {
  start: { AUTH: helloFirst, MAIL: helloFirst, RCPT: helloFirst, DATA: helloFirst },
  ready: { RCPT: mailFirst, DATA: mailFirst },
  mail: { MAIL: nested, DATA: rcptFirst, STARTTLS: notWithin, AUTH: notWithin },
  refused: { MAIL: nested, DATA: replies.noValidRecipients, STARTTLS: notWithin, AUTH: notWithin },
  rcpt: { MAIL: nested, STARTTLS: notWithin, AUTH: notWithin },
  content: {},
};

export function denial(state: SessionState, verb: Verb): Reply | undefined {
  return DENIALS[state][verb]?.();
}

/** A transaction is open from an accepted MAIL to its end. */
export function hasTransaction(state: SessionState): boolean {
  return state !== 'start' && state !== 'ready';
}

/** The state that an answered command leads to; `taken` says whether the answer was positive. */
export function stateAfter(
  state: SessionState,
  verb: 'EHLO' | 'HELO' | 'MAIL' | 'RCPT' | 'DATA',
  taken: boolean,
): SessionState {
  switch (verb) {
    case 'EHLO':
    case 'HELO':
      return taken ? 'ready' : state;
    case 'MAIL':
      return taken ? 'mail' : state;
    case 'RCPT':
      if (taken) return 'rcpt';
      return state === 'mail' ? 'refused' : state;
    case 'DATA':
      // Refused in place of 354: the transaction has been judged and is over.
      return taken ? 'content' : 'ready';
    default:
      return verb satisfies never;
  }
}
