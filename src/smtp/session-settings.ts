/**
 * What SMTP sessions get from their listener: bounds and deadlines, with their defaults, and the
 * parts of the program that they use. A session keeps what it began with; a reload gives new settings
 * to new sessions.
 */
import type { SecureContext } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { TurnEnd } from '../base/turn-end.ts';
import type { Verb } from './commands.ts';
import type { StartConversation } from './conversation.ts';
import type { Session } from './session.ts';

/** The command's verb, `content` or `other`, and milliseconds. */
export type CommandTimer = (what: Verb | 'content' | 'other', ms: number) => void;

/** What all sessions of a listener share. */
export interface SessionOptions {
  readonly settings: SessionSettings;
  readonly tls: 'starttls' | 'implicit' | 'off';
  /** The certificate for handshakes that begin now. */
  readonly secureContext: () => SecureContext;
  /** When replies leave. */
  readonly turnEnd: TurnEnd;
  readonly clock: Clock;
  readonly log: Log;
  readonly begin: StartConversation;
  /** The client is another one by XCLIENT; false when that one may have no further session. */
  readonly admits: (session: Session, address: string) => boolean;
  /** Hears how long a command took that the conversation was asked about, or content from its end on. */
  readonly onCommand?: CommandTimer | undefined;
  /** The connection is gone; called once. */
  readonly onClosed: (session: Session) => void;
}

/** What a session knows of its port. */
export interface Surroundings {
  readonly settings: SessionSettings;
  readonly tls: 'starttls' | 'implicit' | 'off';
  /** The client is another one now; false when that one may have no further session. */
  readonly admits: (address: string) => boolean;
}

export interface SessionSettings {
  /** Our name in greeting and replies. */
  readonly hostname: string;
  /** When clients may log in: once TLS is on, or in the clear as well. */
  readonly auth: 'never' | 'over-tls' | 'always';
  /** Whether a client is a proxy that may speak for others. */
  readonly mayXclient: (address: string) => boolean;
  readonly limits: SessionLimits;
  readonly timeouts: SessionTimeouts;
}

export interface SessionLimits {
  /** Bytes of a message, dots un-stuffed. */
  readonly messageSize: number;
  /** Accepted recipients of a transaction; RFC 5321 4.5.3.1.8 wants at least 100. */
  readonly recipients: number;
  /** Commands that may be wrong before the session is closed, counted anew after each message. */
  readonly errors: number;
  /**
   * NOOP, RSET, EHLO, VRFY and transactions without a message in between; each one more is an error.
   * Clients say RSET between messages and monitors say NOOP; Postfix has the same 100.
   */
  readonly fruitless: number;
  /**
   * Recipients refused or past the limit without a message in between; each one more is an error. A
   * list of thousands is sent without waiting, and 452 for most of it is how it learns to split.
   */
  readonly recipientsNotTaken: number;
  /** Octets of a command line with its CRLF. */
  readonly line: number;
}

/** Milliseconds. */
export interface SessionTimeouts {
  /** From one whole command to the next (RFC 5321 4.5.3.2.7). */
  readonly command: number;
  /** From one chunk of content to the next. */
  readonly content: number;
  /** All of one message's content: a drip of bytes must not hold a session for ever. */
  readonly contentInAll: number;
  readonly handshake: number;
  /**
   * From one message to the next: a client that brings none must not hold a session for ever. Longer
   * than the slowest transaction: 200 recipients that are asked for one by one.
   */
  readonly fruitless: number;
  /** A client that does not read its replies. */
  readonly writing: number;
  /** After our last reply, until the client closes: it shall be able to read that reply. */
  readonly linger: number;
}

export const DEFAULT_LIMITS: SessionLimits = {
  messageSize: 50 * 1024 * 1024,
  recipients: 200,
  errors: 10,
  fruitless: 100,
  recipientsNotTaken: 2000,
  line: 2048,
};

export const DEFAULT_TIMEOUTS: SessionTimeouts = {
  command: 300_000,
  content: 180_000,
  contentInAll: 1_800_000,
  handshake: 30_000,
  fruitless: 3_600_000,
  writing: 120_000,
  linger: 5_000,
};
