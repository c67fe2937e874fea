/** What became of a message, for whoever only listens: filters that count or tell. Pure. */
import type { ReversePath } from '../mail/address.ts';
import type { Envelope, MailParameters } from '../mail/envelope.ts';
import { replyText } from '../mail/outcome.ts';
import type { Tried } from './settlement.ts';

export interface Happening {
  readonly stage: 'accepted' | 'delivered' | 'deferred' | 'failed';
  readonly id: string;
  readonly direction: 'in' | 'out';
  /** Its recipients are those that it happened to. */
  readonly envelope: Envelope;
  /** The reply, or what came in its place. */
  readonly text: string;
}

export interface HappeningTo {
  readonly id: string;
  readonly direction: 'in' | 'out';
  readonly reversePath: ReversePath;
  readonly parameters: MailParameters;
}

/** One for each recipient of an attempt. */
export function happeningsOf(message: HappeningTo, tried: readonly Tried[]): Happening[] {
  const { id, direction, reversePath, parameters } = message;
  return tried.map(({ recipient, outcome }) => ({
    ...{ stage: outcome.kind, id, direction },
    envelope: {
      ...{ reversePath, parameters },
      recipients: [{ address: recipient.address, parameters: recipient.parameters }],
    },
    text: outcome.kind === 'deferred' ? outcome.text : replyText(outcome.reply),
  }));
}
