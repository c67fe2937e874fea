/**
 * The one door: the only place in the program that says 250 after content. Everything before it can
 * be thrown away; everything after it survives a power cut.
 *
 * Relay first: while the destination is up, its own answer to this very message becomes ours, and
 * nothing is stored. What it cannot take now is stored, and 250 is said only after the spool has
 * promised. Recipients that the destination refuses while it takes the message for others go through
 * the spool too: what becomes of a late failure is decided in one place, by the scheduler.
 */
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Ending } from '../base/lazy-abort.ts';
import type { Log } from '../base/log.ts';
import { sessionOf } from '../base/ids.ts';
import { logAttempt, logDone } from '../delivery/attempt-log.ts';
import type { Courier, DeliveryReport } from '../delivery/courier.ts';
import type { Happening } from '../delivery/happening.ts';
import { happeningsOf } from '../delivery/happening.ts';
import type { RateLimits } from '../delivery/rate-limits.ts';
import type { Reports } from '../delivery/reports.ts';
import { handedTo } from '../delivery/reports.ts';
import { lookElsewhere } from '../delivery/placing.ts';
import { laneName } from '../delivery/route.ts';
import type { Destination, Domain, Quota } from '../directory/domain.ts';
import { formatAddress } from '../mail/address.ts';
import type { Content } from '../mail/content.ts';
import type { Envelope, Recipient } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';
import { replyText } from '../mail/outcome.ts';
import type { Reason } from '../mail/reason.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { Hold, SpoolEntry } from '../mail/spool-entry.ts';
import { domainOfLane, isOneOfSplit } from '../mail/split-lane.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import { overQuarantine, overQuota } from './quota.ts';
import { RelayTime } from './relay-time.ts';
import { heard, putOff, mayHaveTaken, NO_OUTCOME, whyOf, withAnswer } from './session-outcomes.ts';
import type { RecipientLessons } from './recipient-lessons.ts';
import type { Way } from './relay-policy.ts';
import { logStorageFault } from './storage-fault.ts';

export interface JudgedMessage extends Pick<
  SpoolEntry,
  'id' | 'direction' | 'client' | 'senderProven'
> {
  readonly envelope: Envelope;
  readonly way: Way;
  /** It may wait here when the destination cannot take it now. */
  readonly mayQueue: boolean;
  /** The hosted domain of a recipient. */
  readonly hosted: (name: string) => Domain | undefined;
  /** With our fields on top. */
  readonly content: Content;
  /** What kind of mail it is, where a filter has said so. */
  readonly mailClass?: string | undefined;
  /** The name of the account that sends it. */
  readonly account?: string | undefined;
  /** When it came, milliseconds since the epoch. */
  readonly arrivedAt: number;
  /** Present when it must wait for a person. */
  readonly hold:
    | (Pick<Hold, 'reason' | 'text' | 'quarantine' | 'unjudged'> & {
        /** What the client hears in place of 250 once it is kept. */
        readonly answer?: Reply;
      })
    | undefined;
}

export interface DeliverySettings {
  readonly cutThrough: boolean;
  readonly finalReplyTimeoutMs: number;
  readonly retryMs: readonly number[];
  readonly lifetimeMs: number;
  /** How much may wait, all domains together. */
  readonly quota: Quota;
  /** How much filters may keep. */
  readonly quarantine: Quota;
}

export interface Acceptance {
  readonly reply: Reply;
  readonly how: 'delivered' | 'queued' | 'held' | 'discarded' | 'refused' | 'deferred' | 'left';
  /** Why it is here and not at its destination, for the ledger. */
  readonly why?: Hold['reason'];
}

export interface AcceptDeps {
  readonly store: Pick<SpoolStore, 'commit' | 'totals' | 'quarantined'>;
  readonly courier: Pick<Courier, 'deliver'>;
  readonly reports: Pick<Reports, 'relayed'>;
  /** Nothing can be handed over now: its destination is down, or an operator holds its mail. */
  readonly isClosed: (lane: string, destination: Destination) => boolean;
  /** Tells the scheduler that there is new work for a domain. */
  readonly wake: (domain: string) => void;
  readonly rates: Pick<RateLimits, 'take'>;
  /** Hears what became of each recipient. */
  readonly lessons: Pick<RecipientLessons, 'outcome'>;
  readonly happened?: (one: Happening) => void;
  /** A message waits for filters to judge it. */
  readonly onUnjudged?: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

export class Accept {
  readonly #deps: AcceptDeps;

  constructor(deps: AcceptDeps) {
    this.#deps = deps;
  }

  /** `client` ends when the client has left; few messages need to hear of it. */
  async accept(
    message: JudgedMessage,
    settings: DeliverySettings,
    client: Pick<Ending, 'signal'>,
  ): Promise<Acceptance> {
    const { way } = message;
    if (message.hold !== undefined)
      return this.#spool(message, message.envelope.recipients, settings);
    const { destination } = way;
    // Beyond the rate that the destination was promised it cannot be had now either.
    const isBeyondRate = () =>
      settings.cutThrough && this.#deps.rates.take(destination, 'session') > 0;
    if (this.#isClosed(way) || isBeyondRate()) {
      if (!message.mayQueue) return { reply: replies.destinationDown(), how: 'deferred' };
      return this.#spool(message, message.envelope.recipients, settings);
    }
    // With several destinations there is no one answer to repeat.
    const isOne = way.destination.isParted !== true;
    if (!settings.cutThrough || !isOne)
      return this.#spool(message, message.envelope.recipients, settings);
    return this.#relay(message, settings, client.signal);
  }

  /** A message that a filter makes vanish: the sender hears that it was taken. */
  discard(id: string, reason: Reason): Acceptance {
    this.#deps.log.emit('msg.done', {
      id,
      sid: sessionOf(id),
      res: 'discarded',
      why: reason,
      tries: 0,
    });
    return { reply: replies.discarded(id), how: 'discarded' };
  }

  async #relay(
    message: JudgedMessage,
    settings: DeliverySettings,
    waiting: AbortSignal,
  ): Promise<Acceptance> {
    const { envelope, way } = message;
    const name = laneName(way.lane);
    const { id, content, client, mailClass } = message;
    const { finalReplyTimeoutMs } = settings;
    const { destination } = way;
    const time = new RelayTime(this.#deps.clock, waiting);
    const mail = { id, destination, envelope, content, client, mailClass };
    const job = { ...mail, finalReplyTimeoutMs, mayFinish: time.mayFinish };
    const report = await this.#deps.courier.deliver(job, time.signal);
    time.stop();
    if (time.isLeft) return { reply: replies.fault(), how: 'left' };
    const outcomes = envelope.recipients.map((_, index) => report.outcomes[index] ?? NO_OUTCOME);
    this.#record(message, report, outcomes);
    await this.#reportRelayed(message, report);
    const delivered = outcomes.filter((outcome) => outcome.kind === 'delivered');
    const first = outcomes[0] ?? NO_OUTCOME;
    if (delivered.length === outcomes.length) {
      const text = report.reply === undefined ? '' : replyText(report.reply);
      return { reply: replies.delivered(message.id, text), how: 'delivered' };
    }
    if (delivered.length === 0) {
      if (first.kind === 'failed' && outcomes.every((outcome) => outcome.kind === 'failed')) {
        // By the time the client comes back, all servers of the domain will have been asked.
        if (outcomes.some((outcome) => lookElsewhere(way.lane, outcome) !== undefined)) {
          return { reply: replies.recipientUnverified('destination'), how: 'deferred' };
        }
        return { reply: heard(first.reply, name), how: 'refused' };
      }
      if (!message.mayQueue) {
        return { reply: putOff(outcomes, name), how: 'deferred' };
      }
    }
    const left = envelope.recipients.filter((_, index) => outcomes[index]?.kind !== 'delivered');
    return this.#spool(message, left, settings, outcomes, report);
  }

  /** A report that cannot be stored is lost: the message has arrived, and that is what we say. */
  async #reportRelayed(message: JudgedMessage, report: DeliveryReport): Promise<void> {
    const { id, envelope, content, senderProven, arrivedAt } = message;
    const { reversePath, parameters } = envelope;
    const { sizeBytes } = content;
    const about = { id, reversePath, parameters, sizeBytes, queuedAt: arrivedAt, senderProven };
    const handed = envelope.recipients.flatMap((recipient, index) =>
      handedTo(report, recipient, report.outcomes[index]),
    );
    try {
      await this.#deps.reports.relayed(about, handed, content);
    } catch (error) {
      this.#deps.log.emit('store.error', { id, sid: sessionOf(id), err: errorText(error) });
    }
  }

  async #spool(
    message: JudgedMessage,
    recipients: readonly Recipient[],
    settings: DeliverySettings,
    outcomes?: readonly Outcome[],
    report?: DeliveryReport,
  ): Promise<Acceptance> {
    const { store, clock, log, wake } = this.#deps;
    const { id, envelope, way, direction } = message;
    const isTaken = outcomes?.some(mayHaveTaken) ?? false;
    const { sizeBytes } = message.content;
    const full =
      message.hold?.quarantine !== undefined
        ? overQuarantine(store, settings.quarantine, sizeBytes)
        : isTaken
          ? undefined
          : overQuota(store, way.domain, settings.quota, sizeBytes);
    if (full !== undefined) return { reply: full, how: 'deferred' };
    const now = clock.now();
    const queue = { ...settings, ...way.domain?.queue };
    const entry: SpoolEntry = {
      v: 1,
      id,
      dest: way.lane,
      direction,
      reversePath: envelope.reversePath,
      parameters: envelope.parameters,
      recipients: recipients.map((recipient) => {
        const outcome = outcomes?.[envelope.recipients.indexOf(recipient)];
        return outcome === undefined
          ? recipient
          : withAnswer(recipient, outcome, report?.host, now);
      }),
      sizeBytes,
      queuedAt: message.arrivedAt,
      expiresAt: message.arrivedAt + queue.lifetimeMs,
      attempts: outcomes === undefined ? 0 : 1,
      senderProven: message.senderProven,
      maybeDelivered: outcomes?.some((o) => o.kind === 'deferred' && o.maybeDelivered) ?? false,
      client: message.client,
      ...(message.mailClass !== undefined && { mailClass: message.mailClass }),
      ...(message.account !== undefined && { account: message.account }),
      ...(message.hold && { hold: heldAt(message.hold, now) }),
    };
    // A refusal of one recipient or a first try: at once. A destination that put us off: later.
    const putOff = outcomes?.some((outcome) => outcome.kind === 'deferred') ?? false;
    const dueAt = putOff ? now + (queue.retryMs[0] ?? 0) : now;
    try {
      // The id was made for this message, which comes through here once.
      await store.commit(entry, dueAt, message.content, { isNew: true });
    } catch (error) {
      logStorageFault(log, { id, sid: sessionOf(id) }, error);
      return { reply: replies.storageTrouble(), how: 'deferred' };
    }
    if (entry.hold !== undefined) {
      const { reason, text, quarantine, unjudged } = entry.hold;
      if (unjudged !== undefined) this.#deps.onUnjudged?.();
      const facts = { id, sid: sessionOf(id), dest: domainOfLane(way.lane), why: reason, text };
      if (quarantine !== undefined) log.emit('quar.add', { ...facts, score: quarantine.score });
      else
        for (const { address } of recipients)
          log.emit('rcpt.hold', { ...facts, to: formatAddress(address) });
      const reply = message.hold?.answer ?? replies.quarantined(id);
      return { reply, how: 'held', why: reason };
    }
    wake(way.lane);
    const isClosed = this.#isClosed(way);
    const why = outcomes?.find((outcome) => outcome.kind !== 'delivered');
    return {
      reply: replies.queued(id),
      how: 'queued',
      ...(why !== undefined ? { why: whyOf(why) } : isClosed && { why: 'dest_down' }),
    };
  }

  #isClosed({ lane, destination }: Way): boolean {
    return this.#deps.isClosed(lane, destination);
  }

  /** Ledger lines and recipient memory for what an attempt during the session came to. */
  #record(message: JudgedMessage, report: DeliveryReport, outcomes: readonly Outcome[]): void {
    const { log, lessons, clock, happened } = this.#deps;
    const { id, way, hosted, envelope, arrivedAt, direction } = message;
    const entry = {
      id,
      dest: way.lane,
      queuedAt: arrivedAt,
      attempts: 0,
      reversePath: envelope.reversePath,
      sizeBytes: message.content.sizeBytes,
    };
    const now = clock.now();
    const tried = envelope.recipients.map((recipient, index) => ({
      recipient,
      outcome: outcomes[index] ?? NO_OUTCOME,
      report,
      lane: way.lane,
    }));
    logAttempt(log, { entry, tried, now, nextDueAt: undefined, isReported: () => false });
    const told = { id, direction, ...envelope };
    for (const one of happeningsOf(told, tried)) happened?.(one);
    for (const { recipient, outcome } of tried) {
      const named = isOneOfSplit(way.lane) ? undefined : hosted(recipient.address.domain);
      const domain = named ?? way.domain;
      if (domain !== undefined) lessons.outcome(domain, recipient.address, outcome);
    }
    if (outcomes.every((outcome) => outcome.kind === 'delivered')) {
      logDone(log, entry, 'delivered', 1, now);
    }
  }
}

function heldAt(hold: NonNullable<JudgedMessage['hold']>, at: number): Hold {
  const { answer: _answer, ...kept } = hold;
  return { by: 'gateway', at, ...kept };
}
