/** The ledger lines of delivery: one for each recipient and attempt, one when a message is done. */
import { secondsSince } from '../base/clock.ts';
import type { EventName, Log } from '../base/log.ts';
import { sessionOf } from '../base/ids.ts';
import { formatAddress, pathText } from '../mail/address.ts';
import type { Outcome } from '../mail/outcome.ts';
import { replyText } from '../mail/outcome.ts';
import { homeLane, redirectionOf } from '../mail/redirection.ts';
import { domainOfLane } from '../mail/split-lane.ts';
import type { Reason } from '../mail/reason.ts';
import type { Reply } from '../mail/reply.ts';
import type { SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import type { DeliveryReport } from './courier.ts';
import type { Settlement, Tried } from './settlement.ts';

/** What of a message its lines speak of; one that was never in the spool has it as well. */
export type LoggedMessage = Pick<
  SpoolEntry,
  'id' | 'dest' | 'queuedAt' | 'attempts' | 'reversePath' | 'sizeBytes'
> &
  Partial<Pick<SpoolEntry, 'maybeDelivered'>>;

export interface AttemptLines {
  readonly entry: LoggedMessage;
  readonly tried: readonly (Tried & { readonly report: DeliveryReport; readonly lane: string })[];
  readonly now: number;
  /** When it is tried again, if it is. */
  readonly nextDueAt: number | undefined;
  /** The sender is told of it. */
  readonly isReported: (recipient: SpooledRecipient) => boolean;
}

/** A reply of ours says why itself. */
function whose({ reason }: Reply): Reason {
  return reason ?? 'destination';
}

export function logAttempt(log: Log, lines: AttemptLines): void {
  const { entry, tried, now, nextDueAt, isReported } = lines;
  const delay = secondsSince(entry.queuedAt, now);
  // One object for all recipients of a transaction, which are recorded as one.
  let stages: Stages | undefined;
  let timed: DeliveryReport | undefined;
  for (const { recipient, outcome, report, lane } of tried) {
    const fields = {
      ...idFields(entry),
      to: formatAddress(recipient.address),
      dest: domainOfLane(homeLane(lane)),
      via: redirectionOf(lane)?.place,
      rhost: report.host,
      rip: report.address,
      src: report.source,
      tls: report.tls,
      try: entry.attempts + 1,
      delay,
    };
    switch (outcome.kind) {
      case 'delivered':
        if (stages === undefined || timed !== report) {
          timed = report;
          stages = stagesOf(report, delay);
        }
        // It may have been there before: see rcpt.defer with `maybe`.
        log.emit('rcpt.sent', {
          ...fields,
          ...replyFields(outcome),
          stages,
          again: entry.maybeDelivered === true ? true : undefined,
        });
        break;
      case 'deferred': {
        const next = nextDueAt === undefined ? undefined : new Date(nextDueAt).toISOString();
        const why = outcome.reply === undefined ? 'dest_down' : whose(outcome.reply);
        const maybe = outcome.maybeDelivered;
        log.emit('rcpt.defer', {
          ...fields,
          ...mailFields(entry),
          ...replyFields(outcome),
          why,
          maybe,
          next,
        });
        break;
      }
      case 'failed': {
        const dsn = isReported(recipient) ? 'sent' : 'none';
        log.emit('rcpt.fail', {
          ...fields,
          ...mailFields(entry),
          ...replyFields(outcome),
          why: whose(outcome.reply),
          dsn,
        });
        break;
      }
    }
  }
}

/** Each recipient that waits for a person from now on; of a lifetime that is over that is the news. */
export function logHold(log: Log, entry: SpoolEntry, now: number): void {
  const { hold, recipients } = entry;
  if (hold === undefined) return;
  const fields = { why: hold.reason, text: hold.text };
  if (hold.reason === 'expired')
    logGivenUp(log, 'rcpt.expire', entry, recipients, { ...fields, dsn: 'none' }, now);
  logGivenUp(log, 'rcpt.hold', entry, recipients, fields, now);
}

/** An operator has ended the lifetime of a message; what became of it follows. */
export function logEndWish(
  log: Log,
  id: string,
  { by, why }: { readonly by: string; readonly why: string },
): void {
  const sid = sessionOf(id);
  log.emit('queue.expire', { sid, id, who: by, ...(why !== '' && { text: why }) });
}

/** Each recipient that left the message because its time was over. */
export function logExpired(
  log: Log,
  entry: SpoolEntry,
  gone: readonly SpooledRecipient[],
  isReported: (recipient: SpooledRecipient) => boolean,
  now: number,
): void {
  for (const recipient of gone) {
    const dsn = isReported(recipient) ? 'sent' : 'none';
    const fields = { why: 'expired', text: 'its lifetime is over', dsn };
    logGivenUp(log, 'rcpt.expire', entry, [recipient], fields, now);
  }
}

export function logDone(
  log: Log,
  entry: LoggedMessage,
  res: Extract<Settlement['next'], { kind: 'done' }>['result'],
  tries: number,
  now: number,
): void {
  const delay = secondsSince(entry.queuedAt, now);
  log.emit('msg.done', { ...idFields(entry), ...mailFields(entry), res, delay, tries });
}

function logGivenUp(
  log: Log,
  evt: EventName,
  entry: SpoolEntry,
  recipients: readonly SpooledRecipient[],
  fields: { readonly why: string; readonly text: string; readonly dsn?: string },
  now: number,
): void {
  const age = Math.round(secondsSince(entry.queuedAt, now));
  for (const { address, last } of recipients) {
    const to = formatAddress(address);
    const text = last?.text ?? fields.text;
    log.emit(evt, {
      ...idFields(entry),
      ...mailFields(entry),
      to,
      dest: domainOfLane(homeLane(entry.dest)),
      ...fields,
      text,
      age,
    });
  }
}

function idFields({ id }: Pick<SpoolEntry, 'id'>): { readonly id: string; readonly sid: string } {
  return { id, sid: sessionOf(id) };
}

/** What whoever did not see it come must know: it may have come days ago. */
export function mailFields({
  reversePath,
  sizeBytes,
}: Pick<SpoolEntry, 'reversePath' | 'sizeBytes'>) {
  return { from: pathText(reversePath), size: sizeBytes };
}

function replyFields(outcome: Outcome) {
  const { reply } = outcome;
  const text = outcome.kind === 'deferred' ? outcome.text : replyText(outcome.reply);
  return { code: reply?.code, enh: reply?.enhanced, text };
}

/** Where the delay went, in seconds: before this attempt, until a connection was there, the rest. */
interface Stages {
  readonly q: number;
  readonly c: number;
  readonly t: number;
}

function stagesOf({ connectMs, transferMs }: DeliveryReport, delay: number): Stages {
  const [c, t] = [Math.round(connectMs) / 1000, Math.round(transferMs) / 1000];
  return { q: Math.max(0, Math.round((delay - c - t) * 1000) / 1000), c, t };
}
