/**
 * The courier: brings a message to its destination and says for each recipient what became of it.
 * It never rejects and never retries later; that is the scheduler's. Each attempt tells the
 * destination's health what it saw, once.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError, errorText } from '../base/errors.ts';
import { LinkedAbort } from '../base/linked-abort.ts';
import type { Log } from '../base/log.ts';
import type { Destination } from '../directory/domain.ts';
import type { SmtpClient } from '../smtp/client.ts';
import type { Address, ReversePath } from '../mail/address.ts';
import type { Envelope } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';
import { replyText } from '../mail/outcome.ts';
import type { Reply } from '../mail/reply.ts';
import { isClosing } from '../mail/reply.ts';
import type { BackOff } from './back-off.ts';
import type { CalloutAnswer } from './callout.ts';
import { Callouts } from './callouts.ts';
import type { ConnectionCount } from './connection-pool.ts';
import { Connections } from './connections.ts';
import type { Attempt } from './connections.ts';
import type { Observation } from './destination-health.ts';
import type { Treatment } from './hindrances.ts';
import type { NoHost } from './host-walk.ts';
import { nameOf, NO_HOST_LEFT } from './host-walk.ts';
import type { FindExchangers } from './remote-hosts.ts';
import type { Ability } from './known-offers.ts';
import { KnownOffers } from './known-offers.ts';
import type { Providers } from './providers.ts';
import type { Origin } from './rate-limits.ts';
import { isBeyondRequireTls, requiresTls, UNMET, withoutRequiredTls } from './require-tls.ts';
import { TOO_LARGE } from './size-limit.ts';
import { NO_UTF8 } from './smtp-utf8.ts';
import type { SourceAddresses } from './source-addresses.ts';
import type { Speaker } from './speak-for.ts';
import { speakFor } from './speak-for.ts';
import { isPeerFault, runTransaction } from './transaction.ts';
import { treatmentOf } from './treatment.ts';
import type { Message, Transaction } from './transaction.ts';

export type { CalloutAnswer } from './callout.ts';

export interface DeliveryJob extends Message {
  readonly id: string;
  readonly destination: Destination;
  /** Who sent it to us; absent for mail of our own. */
  readonly client?: Speaker;
  /** What kind of mail it is, where a filter has said so. */
  readonly mailClass?: string | undefined;
  /** Who brings it; a session when nothing is said. */
  readonly origin?: Origin;
}

export interface DeliveryReport {
  /** One per recipient, in order. */
  readonly outcomes: readonly Outcome[];
  readonly host?: string | undefined;
  readonly address?: string | undefined;
  /** Which of our addresses it went from, where they are configured. */
  readonly source?: string | undefined;
  /** `TLSv1.3`, or `-` */
  readonly tls: string;
  /** The host sends reports itself where it is asked to (RFC 3461). */
  readonly takesDsn: boolean;
  /** The final reply, when there was one. */
  readonly reply?: Reply | undefined;
  readonly connectMs: number;
  readonly transferMs: number;
}

export interface Courier {
  deliver(job: DeliveryJob, signal?: AbortSignal): Promise<DeliveryReport>;
  /** Asks whether the destination takes a recipient; takes 15 seconds at most. */
  callout(
    destination: Destination,
    reversePath: ReversePath,
    recipient: Address,
    smtpUtf8: boolean,
    signal?: AbortSignal,
  ): Promise<CalloutAnswer>;
  /**
   * Whether mail that needs this is known to be of no use there, from connections of the last hour.
   * False when nobody knows.
   */
  readonly lacks: (ability: Ability, destination: string) => boolean;
  /** Whether any host of the destination speaks SMTP with us now. */
  probe(destination: Destination, signal?: AbortSignal): Promise<boolean>;
  /** Connections to a destination, by its key. */
  connections(key: string): ConnectionCount;
  stop(): Promise<void>;
}

export interface CourierOptions {
  readonly hostname: () => string;
  readonly clock: Clock;
  readonly log: Log;
  readonly health: { observe(key: string, observation: Observation): void };
  readonly hindrances?: { observe(key: string, seen: Treatment): void };
  readonly localAddress?: string;
  /** Who takes mail for domains whose hosts nobody configured. */
  readonly exchangers?: FindExchangers;
  readonly remotePort?: number | undefined;
  /** Our addresses, for servers that nobody configured. */
  readonly sources?: SourceAddresses;
  readonly providers?: Providers;
  readonly backOff?: Pick<BackOff, 'observe'>;
}

/** The whole of a probe, all hosts together. */
const PROBE_MS = 15_000;
/** Of servers of others, one of which may let strangers wait for its greeting. */
const REMOTE_PROBE_MS = 360_000;

export function createCourier(options: CourierOptions): Courier {
  const { clock, log, sources, providers, backOff } = options;
  const offers = new KnownOffers(clock);
  const connections = new Connections({ ...options, offers });
  const observe = (key: string, observation: Observation) =>
    options.health.observe(key, observation);
  const noteTreatment = (key: string, seen: Treatment) => options.hindrances?.observe(key, seen);
  const callouts = new Callouts({ clock, connections, observe, noteTreatment });

  async function deliver(job: DeliveryJob, signal?: AbortSignal): Promise<DeliveryReport> {
    const startedAt = clock.mono();
    const { envelope, content, finalReplyTimeoutMs, mayFinish } = job;
    const pool = job.destination.mx === undefined ? undefined : sources?.poolOf(job.mailClass);
    const destination = pool === undefined ? job.destination : { ...job.destination, pool };
    const needsTls = requiresTls(envelope);
    if (needsTls && isBeyondRequireTls(destination)) return undelivered(envelope, UNMET, 0);
    if (providers?.isUnknown(destination)) await options.exchangers?.(destination.mx ?? '');
    let envelopeMs: number | undefined;
    const attempt = await connections.use(
      destination,
      async (client) => {
        if (isOverdrawn(client, destination)) return 'unfit';
        const speaker = destination.xclient === true ? job.client : undefined;
        const isFree = await speakFor(client, options.hostname(), speaker);
        if (!isFree) return 'unfit';
        const unfit = needsTls ? withoutRequiredTls(client) : undefined;
        // Another host may give what the message asks for (RFC 8689 4.2.1).
        if (unfit !== undefined) return { value: unasked(envelope, unfit), gotNowhere: true };
        const askedAt = clock.mono();
        const onAnswered = () => (envelopeMs = clock.mono() - askedAt);
        const message = { envelope, content, finalReplyTimeoutMs, mayFinish, onAnswered };
        const value = await runTransaction(client, message);
        if (client.source !== undefined && value.reached === 'content')
          sources?.sent(client.source);
        return { value, gotNowhere: gotNowhere(value) || value.outcomes.every(isUnasked) };
      },
      signal,
      job.origin,
    );
    const totalMs = clock.mono() - startedAt;
    const seen = signal?.aborted === true ? undefined : observationOf(attempt, totalMs);
    if (seen !== undefined && attempt.kind !== 'busy') {
      observe(destination.key, seen);
      const treatment = treatmentOf(attempt, envelopeMs, envelope);
      noteTreatment(destination.key, treatment);
      const source = attempt.kind === 'worked' ? attempt.client.source : undefined;
      backOff?.observe(destination, { ...treatment, source });
    }
    return reportOf(attempt, envelope, totalMs);
  }

  /** Kept open from an address of ours that has sent enough for today, or is not to be used any more. */
  function isOverdrawn({ transactions, source }: SmtpClient, { mx, pool }: Destination): boolean {
    if (transactions === 0 || source === undefined || mx === undefined) return false;
    return sources?.choose(mx, source, pool)?.address !== source;
  }

  async function probe(destination: Destination, outer?: AbortSignal): Promise<boolean> {
    const ended = new LinkedAbort(outer);
    const limitMs = destination.mx === undefined ? PROBE_MS : REMOTE_PROBE_MS;
    const timer = clock.timer(limitMs, () =>
      ended.abort(new CodedError('DEADLINE', 'no answer in time')),
    );
    const startedAt = clock.mono();
    const why = await connections.probe(destination, ended.signal);
    timer.stop();
    ended.release();
    if (outer?.aborted === true) return false;
    const ms = clock.mono() - startedAt;
    const text = why?.text ?? 'answered';
    log.emit('dest.probe', { dest: destination.key, text, ms: Math.round(ms) });
    observe(
      destination.key,
      why === undefined || why.isFinal === true
        ? { kind: 'answered', ms }
        : { kind: why.unreachable ? 'unreachable' : 'temporary', text },
    );
    return why === undefined;
  }

  /** A fault of ours must not lose an answer that somebody waits for: unsure is temporary. */
  async function guarded<T>(
    work: Promise<T>,
    where: string,
    fallback: (text: string) => T,
  ): Promise<T> {
    try {
      return await work;
    } catch (error) {
      const text = errorText(error);
      log.emit(
        'crash',
        { where, text, stack: error instanceof Error ? error.stack : undefined },
        'error',
      );
      return fallback(text);
    }
  }

  return {
    deliver: (job, signal) =>
      guarded(deliver(job, signal), 'courier', (text) => ({
        outcomes: job.envelope.recipients.map(() => ({ kind: 'deferred', text })),
        tls: '-',
        takesDsn: false,
        connectMs: 0,
        transferMs: 0,
      })),
    callout: (destination, reversePath, recipient, smtpUtf8, signal) =>
      guarded(
        callouts.ask(destination, { reversePath, recipient, smtpUtf8 }, signal),
        'callout',
        (text) => ({ kind: 'unsure', text, unreachable: false }),
      ),
    probe: (destination, signal) => guarded(probe(destination, signal), 'probe', () => false),
    connections: (key) => connections.count(key),
    lacks: (ability, destination) => offers.lacks(ability, destination),
    async stop() {
      callouts.stop();
      await connections.stop();
    },
  };
}

/** Another connection may do better: this one broke before content, with somebody left to ask for. */
function gotNowhere({ lost, reached, outcomes }: Transaction): boolean {
  if (lost === undefined || reached === 'content') return false;
  return isPeerFault(lost) && outcomes.some(isUnanswered);
}

function isUnanswered(outcome: Outcome): boolean {
  return outcome.kind === 'deferred' && (outcome.reply === undefined || isClosing(outcome.reply));
}

/** What the attempt says about the destination, or nothing when the trouble was ours. */
function observationOf(attempt: Attempt<Transaction>, totalMs: number): Observation | undefined {
  if (attempt.kind === 'busy') return undefined;
  if (attempt.kind === 'no-host') {
    const { text, unreachable, isFinal } = attempt.why;
    // That a domain takes no mail is an answer, not an outage.
    if (isFinal === true) return { kind: 'answered', ms: 0 };
    return { kind: unreachable ? 'unreachable' : 'temporary', text };
  }
  const { temporary, lost, reached, outcomes } = attempt.value;
  const said = (text: string) => `${nameOf(attempt.client)}: ${text}`;
  if (temporary !== undefined) return { kind: 'temporary', text: said(replyText(temporary)) };
  if (lost === undefined || !outcomes.some(isUnanswered)) {
    return { kind: 'answered', ms: totalMs - attempt.connectMs };
  }
  if (!isPeerFault(lost)) return undefined;
  const kind = reached === 'nothing' ? 'unreachable' : 'temporary';
  return { kind, text: said(lost.message) };
}

function outcomeWithoutHost({ text, reply, unreachable, isFinal }: NoHost): Outcome {
  if (isFinal === true && reply !== undefined) return { kind: 'failed', reply };
  return {
    kind: 'deferred',
    text,
    ...(reply && { reply }),
    ...(unreachable && { unreachable: true }),
  };
}

function reportOf(
  attempt: Attempt<Transaction>,
  envelope: Envelope,
  totalMs: number,
): DeliveryReport {
  if (attempt.kind === 'worked') {
    const { client, value, connectMs, elsewhere } = attempt;
    const isSure = elsewhere === undefined || elsewhere === NO_HOST_LEFT;
    return {
      outcomes: isSure ? value.outcomes : value.outcomes.map((each) => unlessMet(each, elsewhere)),
      host: client.host,
      address: client.address,
      source: client.source,
      tls: client.tls,
      takesDsn: client.offers.dsn,
      reply: value.reply,
      connectMs,
      transferMs: totalMs - connectMs,
    };
  }
  const outcome: Outcome =
    attempt.kind === 'busy'
      ? { kind: 'deferred', text: 'no free connection to the destination' }
      : outcomeWithoutHost(attempt.why);
  return undelivered(envelope, outcome, totalMs);
}

function undelivered(envelope: Envelope, outcome: Outcome, totalMs: number): DeliveryReport {
  return {
    outcomes: envelope.recipients.map(() => outcome),
    tls: '-',
    takesDsn: false,
    connectMs: totalMs,
    transferMs: 0,
  };
}

function unasked(envelope: Envelope, outcome: Outcome): Transaction {
  return { outcomes: envelope.recipients.map(() => outcome), reached: 'nothing' };
}

/** A host that could not be reached may have what those that were reached lack. */
function unlessMet(outcome: Outcome, { text }: NoHost): Outcome {
  return isUnasked(outcome) ? { kind: 'deferred', text } : outcome;
}

/** Nothing of it was said to this host, for what it offers: another one may do. */
function isUnasked(outcome: Outcome): boolean {
  return [UNMET, NO_UTF8, TOO_LARGE].includes(outcome);
}
