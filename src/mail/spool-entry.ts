/**
 * A message in the spool: everything about it but its content. The stored form is versioned; a
 * sample of each released version stays readable for ever (test/stored).
 */
import type { Address, ReversePath } from './address.ts';
import type { MailParameters, RcptParameters } from './envelope.ts';
import type { HoldReason } from './reason.ts';
import type { Unjudged } from './unjudged.ts';

/** What the destination last said about a recipient, or what kept us from asking it. */
export interface LastAnswer {
  readonly at: number;
  readonly text: string;
  readonly code?: number;
  readonly enhanced?: string;
  readonly host?: string;
}

/** A recipient that is not final yet; delivered ones leave the entry. */
export interface SpooledRecipient {
  readonly address: Address;
  readonly parameters: RcptParameters;
  readonly last?: LastAnswer;
}

export interface Hold {
  /** `gateway`, or who did it by hand. */
  readonly by: string;
  readonly at: number;
  readonly reason: HoldReason;
  readonly text: string;
  /** When it ends by itself; absent: when somebody ends it. */
  readonly until?: number;
  /** Present when a filter keeps it back: then it is in the quarantine and no part of the queue. */
  readonly quarantine?: Quarantined;
  /** Present when filters have still to judge it. */
  readonly unjudged?: Unjudged;
}

/** What a person must know to decide about a message in quarantine, as far as it was there. */
export interface Quarantined {
  readonly score?: number;
  /** The filter that weighed most. */
  readonly engine?: string;
  /** Names of rules that matched, of all filters, some at most. */
  readonly tests?: readonly string[];
  readonly account?: string;
  /** Fields of the header as a person reads them, cut. */
  readonly headerFrom?: string;
  readonly subject?: string;
  /** It was found to be what it is only after it had been accepted. */
  readonly isLate?: boolean;
  /** Whoever answers for the account has a report about it, or is not to have one. */
  readonly isReported?: boolean;
  /** Recipients who have got it. */
  readonly released?: readonly string[];
  /** Somebody asks for its release. */
  readonly asked?: Asked;
}

export interface Asked {
  readonly at: number;
  /** As his mail names him, which anybody may write. */
  readonly by: string;
  /** The id of that mail. */
  readonly mail: string;
}

export interface SpoolEntry {
  readonly v: 1;
  readonly id: string;
  /** The hosted domain whose destination gets it; looked up again at each attempt. */
  readonly dest: string;
  readonly direction: 'in' | 'out';
  readonly reversePath: ReversePath;
  readonly parameters: MailParameters;
  readonly recipients: readonly SpooledRecipient[];
  /** Bytes of the stored content, our own fields included. */
  readonly sizeBytes: number;
  readonly queuedAt: number;
  readonly expiresAt: number;
  readonly attempts: number;
  /** The sender's domain stands behind this message: only then may a DSN be sent. */
  readonly senderProven: boolean;
  /** An earlier attempt lost its final reply; the destination may have the message. */
  readonly maybeDelivered: boolean;
  /** When its sender was told that it is late, or would have been. */
  readonly delayToldAt?: number;
  /** What kind of mail it is, where a filter has said so. */
  readonly mailClass?: string;
  /** The account of a customer that it was sent with. */
  readonly account?: string;
  readonly client: { readonly address: string; readonly hello: string };
  /** Present while it waits for a person, absent while it waits for its time. */
  readonly hold?: Hold;
}

export function isQuarantined({ hold }: Pick<SpoolEntry, 'hold'>): boolean {
  return hold?.quarantine !== undefined;
}

/** There is somebody who may be told what became of it, and it is who sent it. */
export function hasProvenSender({
  senderProven,
  reversePath,
}: Pick<SpoolEntry, 'senderProven' | 'reversePath'>): boolean {
  return senderProven && reversePath !== null;
}
