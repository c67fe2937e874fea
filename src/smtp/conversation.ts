/**
 * What an SMTP session asks of the program behind it: the protocol side calls, policy answers with
 * replies. Calls come one at a time and in protocol order; none is made after `closed`.
 */
import type { Ending } from '../base/lazy-abort.ts';
import type { Soon } from '../base/soon.ts';
import type { ReversePath } from '../mail/address.ts';
import type { MailParameters, Recipient } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import type { QueueName } from './commands.ts';
import type { Credentials } from './sasl.ts';
import type { ScramSalt } from './scram.ts';
import type { Tally } from './tally.ts';

/** Why content that was read to its end cannot be taken as it is. */
export type ContentFault = 'bare-line-end' | 'too-large';

export interface ContentSink {
  /** Takes bytes (dots un-stuffed); a promise asks the session to wait before it sends more. */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** The final dot was read: judge and answer. After a fault, the answer is a refusal. */
  end(fault: ContentFault | undefined): Promise<Reply>;
  /** The connection was lost before the final dot: nothing of it may be delivered. */
  abort(): void;
}

export interface LoginAnswer {
  readonly reply: Reply;
  /** Of SCRAM: what shows the client that we have its keys, before it is let in. */
  readonly signature?: Uint8Array;
}

export interface Conversation {
  /** A refusal before the greeting, or undefined for the greeting. */
  connect(): Soon<Reply | undefined>;
  /** A refusal of HELO or EHLO, or undefined for the standard answer. */
  hello(verb: 'HELO' | 'EHLO', name: string): Soon<Reply | undefined>;
  /** Checks a login; a positive reply lets the client in. Only asked where AUTH is offered. */
  authenticate(credentials: Credentials): Promise<LoginAnswer>;
  /** Some account can log in by SCRAM. */
  takesProofs(): boolean;
  /** For SCRAM, whether there is such an account or not. */
  saltOf(user: string): ScramSalt;
  /** This client may ask for the mail of some domain. */
  mayEtrn(): boolean;
  /** Is to try at once what waits for a domain, if this client may ask for that. */
  etrn(queue: QueueName): Promise<Reply>;
  /** HELP: what a customer has used of his limits, and a general word. */
  help(): Promise<Reply>;
  mail(reversePath: ReversePath, parameters: MailParameters): Soon<Reply>;
  rcpt(recipient: Recipient): Soon<Reply>;
  /** A refusal in place of 354, or the sink that takes the content. */
  data(): Soon<Reply | ContentSink>;
  /** The open transaction is over without content: RSET, a new HELO, QUIT, a lost connection. */
  reset(): void;
  closed(summary: SessionSummary): void;
}

export interface SessionSummary {
  readonly errors: number;
  readonly bytesRead: number;
  readonly transactions: number;
  readonly recipients: Tally;
  /** Those whose content was judged. */
  readonly messages: Tally;
  /** How it ended: `quit`, `lost`, `timeout`, `refused`, `errors`, `stopped`. */
  readonly end: 'quit' | 'lost' | 'timeout' | 'refused' | 'errors' | 'stopped' | 'fault';
}

/** Made once per session; `over` comes when the client is gone or the session ends. */
export type StartConversation = (session: SessionView, over: Ending) => Conversation;
