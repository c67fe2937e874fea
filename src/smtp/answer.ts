/**
 * What an SMTP server does about a command, as a value: says a reply and perhaps more, or reads
 * octets first that are no commands. The session carries it out.
 */
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { ContentInput } from './content-phase.ts';
import type { ContentSink, SessionSummary } from './conversation.ts';
import type { LineFault } from './line-reader.ts';

export type Answer =
  | Said
  /** Octets follow that are no commands; they are answered when they were read. */
  | { readonly chunk: ContentInput };

export interface Said {
  readonly reply: Reply;
  /** Content follows, for this sink. */
  readonly content?: ContentSink;
  /** The TLS handshake follows. */
  readonly startsTls?: boolean;
  /** The session ends with this reply, and so. */
  readonly end?: SessionSummary['end'];
  /** What was wrong, when that ends the session: for the log. */
  readonly what?: string;
}

/** An answer of the conversation, which may want the session to end. */
export function answer(reply: Reply): Said {
  return reply.closes === true ? { reply, end: 'refused' } : { reply };
}

const FAULTS: Record<LineFault, Reply> = {
  'bare-cr': replies.bareLineEnd('CR'),
  'bare-lf': replies.bareLineEnd('LF'),
  'too-long': replies.lineTooLong(),
  control: replies.syntax('Control character in command'),
  utf8: replies.syntax('Malformed UTF-8 in command'),
};

/** The answer to a line that is none. */
export function faultReply(fault: LineFault): Reply {
  return FAULTS[fault];
}
