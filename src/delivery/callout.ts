/**
 * What a destination's answers to MAIL and RCPT say about a recipient. `unknown` makes us refuse mail
 * for good, so it needs a clear word about the mailbox; whatever could be about the sender, about us
 * or about the moment is `unsure`.
 */
import type { CodedError } from '../base/errors.ts';
import type { Address, ReversePath } from '../mail/address.ts';
import { needsSmtpUtf8 } from '../mail/address.ts';
import type { Envelope } from '../mail/envelope.ts';
import { replyText } from '../mail/outcome.ts';
import type { Reply } from '../mail/reply.ts';
import {
  isClosing,
  isPermanent,
  isPositive,
  isTemporary,
  namesMailbox,
  replies,
} from '../mail/reply.ts';
import type { SmtpClient } from '../smtp/client.ts';
import { exchangeEnvelope } from './envelope-exchange.ts';

export type CalloutAnswer =
  | { readonly kind: 'known'; readonly reply: Reply }
  | { readonly kind: 'unknown'; readonly reply: Reply }
  | {
      readonly kind: 'unsure';
      readonly text: string;
      readonly unreachable: boolean;
      /** One of ours (it has a reason word) says that the destination is of no use to it. */
      readonly reply?: Reply;
    };

export interface Question {
  readonly reversePath: ReversePath;
  readonly recipient: Address;
  readonly smtpUtf8: boolean;
}

/** Details of RFC 3463 codes that speak of sender, quota, size, content or policy. */
const NOT_THE_MAILBOX = /^5\.(?:1\.[78]|2\.[23]|[367]\.\d+)$/;
/** The same in words, for servers without enhanced codes, Exim above all. */
const POLICY_WORDS =
  /relay|prohibit|block|black ?list|polic|sender|spam|denied|authenticat|quota|full|reputation/i;

export interface Asked {
  readonly answer: CalloutAnswer;
  /** The connection was lost before the answer. */
  readonly lost: boolean;
  /** The destination put off the whole transaction. */
  readonly putOff: boolean;
}

/** Leaves the transaction open: whoever uses the connection next resets it. */
export async function askRecipient(client: SmtpClient, question: Question): Promise<Asked> {
  const { reversePath, recipient, smtpUtf8 } = question;
  const beyond = beyondAsking(client, question);
  if (beyond !== undefined) return { answer: beyond, lost: false, putOff: false };
  const envelope: Envelope = {
    reversePath,
    parameters: smtpUtf8 || needsSmtpUtf8(recipient) ? { smtpUtf8: true } : {},
    recipients: [{ address: recipient, parameters: {} }],
  };
  const { mail, rcpts, lost } = await exchangeEnvelope(client, { envelope });
  const rcpt = rcpts[0];
  const putOff = mail !== undefined && isTemporary(mail);
  // A peer that only says 421 has not answered.
  const isLost = lost !== undefined && (rcpt === undefined || isClosing(rcpt));
  return { answer: answerOf(mail, rcpt, lost), lost: isLost, putOff };
}

/** The answer for an address that this peer cannot even be asked about. */
function beyondAsking(client: SmtpClient, question: Question): CalloutAnswer | undefined {
  if (client.offers.smtpUtf8) return undefined;
  const reply = replies.smtpUtf8NotRelayable();
  // That it can't be asked says nothing about the mailbox: its server may be a better one tomorrow.
  if (needsSmtpUtf8(question.recipient)) {
    return { kind: 'unsure', text: replyText(reply), unreachable: false, reply };
  }
  if (!needsSmtpUtf8(question.reversePath)) return undefined;
  return { kind: 'unsure', text: replyText(reply), unreachable: false };
}

function answerOf(
  mail: Reply | undefined,
  rcpt: Reply | undefined,
  lost: CodedError | undefined,
): CalloutAnswer {
  if (mail !== undefined && !isPositive(mail)) {
    return { kind: 'unsure', text: `MAIL: ${replyText(mail)}`, unreachable: false, reply: mail };
  }
  if (mail === undefined || rcpt === undefined) {
    return { kind: 'unsure', text: lost?.message ?? 'no answer', unreachable: mail === undefined };
  }
  if (isPositive(rcpt)) return { kind: 'known', reply: rcpt };
  if (saysUnknown(rcpt)) return { kind: 'unknown', reply: rcpt };
  return { kind: 'unsure', text: replyText(rcpt), unreachable: false, reply: rcpt };
}

export function saysUnknown(reply: Reply): boolean {
  if (!isPermanent(reply) || !namesMailbox(reply)) return false;
  const { enhanced } = reply;
  if (enhanced !== undefined && enhanced !== '5.0.0') return !NOT_THE_MAILBOX.test(enhanced);
  // Without the addresses, in which any word may stand.
  return !POLICY_WORDS.test(reply.lines.join(' ').replace(/\S*@\S*/g, ''));
}
