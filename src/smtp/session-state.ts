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
  | 'content' // the content, or a chunk of it, is being read
  | 'chunks' // chunks of the content were taken, and more are to come
  | 'spoilt'; // the message has failed with one of its chunks; more may be on their way

const helloFirst = (): Reply => replies.badSequence('Send EHLO or HELO first');
const mailFirst = (): Reply => replies.badSequence('Send MAIL first');
const rcptFirst = (): Reply => replies.badSequence('Send RCPT first');
const nested = (): Reply => replies.badSequence('A transaction is open already');
const inChunks = (): Reply => replies.badSequence('Send BDAT or RSET');
const failed = (): Reply => replies.badSequence('The message has failed');
const notWithin = (): Reply => replies.badSequence('Not within a transaction');

type Denials = Partial<Record<Verb, () => Reply>>;

/** A verb that a row does not name is allowed in that state. */
const DENIALS: Record<SessionState, Denials> = {
  start: {
    AUTH: helloFirst,
    ETRN: helloFirst,
    MAIL: helloFirst,
    RCPT: helloFirst,
    DATA: helloFirst,
    BDAT: helloFirst,
  },
  ready: { RCPT: mailFirst, DATA: mailFirst, BDAT: mailFirst },
  mail: {
    MAIL: nested,
    DATA: rcptFirst,
    BDAT: rcptFirst,
    STARTTLS: notWithin,
    AUTH: notWithin,
    ETRN: notWithin,
    XCLIENT: notWithin,
  },
  refused: {
    MAIL: nested,
    DATA: replies.noValidRecipients,
    BDAT: replies.noValidRecipients,
    STARTTLS: notWithin,
    AUTH: notWithin,
    ETRN: notWithin,
    XCLIENT: notWithin,
  },
  rcpt: {
    MAIL: nested,
    STARTTLS: notWithin,
    AUTH: notWithin,
    ETRN: notWithin,
    XCLIENT: notWithin,
  },
  chunks: {
    MAIL: nested,
    RCPT: inChunks,
    DATA: inChunks,
    STARTTLS: notWithin,
    AUTH: notWithin,
    ETRN: notWithin,
    XCLIENT: notWithin,
  },
  spoilt: { RCPT: mailFirst, DATA: mailFirst, BDAT: failed },
  content: {},
};

export function denial(state: SessionState, verb: Verb): Reply | undefined {
  return DENIALS[state][verb]?.();
}

/** A transaction is open from an accepted MAIL to its end; a message that has failed ends it. */
export function hasTransaction(state: SessionState): boolean {
  return state !== 'start' && state !== 'ready' && state !== 'spoilt';
}

/** The state behind a chunk: `goesOn` says whether the message is still to be had. */
export function stateAfterChunk(
  state: SessionState,
  isLast: boolean,
  goesOn: boolean,
): SessionState {
  if (state === 'start') return state;
  if (goesOn) return 'chunks';
  return isLast ? 'ready' : 'spoilt';
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
