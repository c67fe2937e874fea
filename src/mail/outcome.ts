/**
 * What became of one recipient in one delivery attempt. Temporary or permanent is decided here, once,
 * by the code class of the destination's reply; whatever is unsure is temporary, such as a refusal that
 * does not speak of the mail.
 */
import type { Reply } from './reply.ts';
import { isOfConversation, isPermanent, isPositive } from './reply.ts';

export type Outcome =
  | { readonly kind: 'delivered'; readonly reply: Reply }
  | {
      readonly kind: 'deferred';
      /** The destination's reply, when there was one. */
      readonly reply?: Reply;
      /** What happened, for log, trace and queue listing. */
      readonly text: string;
      /** The final reply was lost after the final dot: the destination may have the message. */
      readonly maybeDelivered?: boolean;
      /** Nobody could be reached: says something about the destination, nothing about the message. */
      readonly unreachable?: boolean;
    }
  | {
      readonly kind: 'failed';
      readonly reply: Reply;
      /** It was taken at RCPT, and refused after the final dot: alone, or with others. */
      readonly afterContent?: 'alone' | 'together';
    };

/** The outcome that the destination's reply to MAIL, RCPT and DATA, or to the final dot, means. */
export function outcomeOf(reply: Reply, phase: 'commands' | 'content' = 'commands'): Outcome {
  if (isPositive(reply)) return { kind: 'delivered', reply };
  if (isPermanent(reply) && !isOfConversation(reply, phase)) return { kind: 'failed', reply };
  return { kind: 'deferred', reply, text: replyText(reply) };
}

export function replyText(reply: Reply): string {
  return [reply.code, reply.enhanced, reply.lines.join(' ')]
    .filter((part) => part !== undefined && part !== '')
    .join(' ')
    .slice(0, 300);
}
