/**
 * One mail transaction: from MAIL to the answer after the final dot, or to whatever ended it
 * earlier. Keeps the generation of the configuration it began with, gathers what the ledger line
 * (`msg.in`) says, and writes that line exactly once.
 */
import type { Clock } from '../base/clock.ts';
import type { Fields, Log } from '../base/log.ts';
import { destinationOf, fanOutLane } from '../delivery/route.ts';
import type { Account } from '../directory/account.ts';
import { wayKey } from '../directory/destination-key.ts';
import type { Domain } from '../directory/domain.ts';
import type { ReversePath } from '../mail/address.ts';
import { formatAddress, pathText } from '../mail/address.ts';
import type { Envelope, MailParameters, Recipient } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import { isPermanent, isPositive } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import { domainOfLane } from '../mail/split-lane.ts';
import type { SpamExemption } from '../mail/verdict.ts';
import { GatheredEvidence } from '../plugin-host/gathered-evidence.ts';
import type { MailView } from '../plugin.ts';
import type { Generation } from './generation.ts';
import type { Way } from './relay-policy.ts';
import type { Sending } from './sending.ts';

export type TransactionResult =
  'accept' | 'reject' | 'tempfail' | 'quarantine' | 'discard' | 'abort';

/** Recipients that the ledger line names; the rest is in its counts. */
const NAMED_RECIPIENTS = 5;
/** Recipients that the record can be found by before anything was delivered. */
const KEPT_RECIPIENTS = 1000;

export interface TransactionSender {
  readonly account: Account;
  readonly domain: Domain;
  /** The account that the client came in with, where that is another one. */
  readonly via?: Account;
}

export class Transaction {
  readonly id: string;
  readonly session: SessionView;
  readonly generation: Generation;
  readonly reversePath: ReversePath;
  readonly parameters: MailParameters;
  readonly openedAt: number;
  readonly recipients: Recipient[] = [];
  /** What filters have said of the session and of this transaction. */
  readonly evidence: GatheredEvidence;
  /** Whose mail it is; undefined: a stranger's, to us. */
  readonly account: Account | undefined;
  /** Without an account it may be a customer's all the same: nobody could find out. */
  readonly mayBeCustomer: boolean;
  /** Whose policy is in force: the account's domain, else that of the first accepted recipient. */
  domain: Domain | undefined;
  /** Recipients nobody could verify, to be held until a person releases them. */
  holdsUnverified = false;
  /** What a customer's transaction has to do with its account; a stranger's has none. */
  sending: Sending | undefined;
  /** What filters at RCPT said of being judged as spam; the same for all recipients. */
  spamExempt: SpamExemption | undefined;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #startedMono: number;
  readonly #counts = { accepted: 0, deferred: 0, rejected: 0 };
  /** By destination. */
  readonly #ways = new Map<string, Way>();
  readonly #facts: Record<string, unknown> = {};
  #subject: string | undefined;
  #lastRefusal: Reply | undefined;
  #ended = false;

  constructor(
    id: string,
    session: SessionView,
    generation: Generation,
    mail: {
      readonly reversePath: ReversePath;
      readonly parameters: MailParameters;
      /** An account with its domain, for outbound mail. */
      readonly sender?: TransactionSender | undefined;
      readonly mayBeCustomer?: boolean;
    },
    base: { clock: Clock; log: Log },
    ofSession: GatheredEvidence,
  ) {
    this.id = id;
    this.session = session;
    this.generation = generation.enter();
    this.reversePath = mail.reversePath;
    this.parameters = mail.parameters;
    this.account = mail.sender?.account;
    this.mayBeCustomer = mail.mayBeCustomer === true;
    this.domain = mail.sender?.domain;
    this.evidence = new GatheredEvidence(ofSession);
    this.#clock = base.clock;
    this.#log = base.log;
    if (mail.sender?.via !== undefined) this.note({ via: mail.sender.via.name });
    this.openedAt = base.clock.now();
    this.#startedMono = base.clock.mono();
  }

  get envelope(): Envelope {
    const { reversePath, parameters, recipients } = this;
    return { reversePath, parameters, recipients: [...recipients] };
  }

  get direction(): 'in' | 'out' {
    return this.account === undefined ? 'in' : 'out';
  }

  /** As filters see it. */
  get view(): MailView {
    const { session, id, direction, envelope, account } = this;
    const { directory } = this.generation;
    const isHosted = (domain: string) => directory.find(domain) !== undefined;
    const whose = account && { account: account.name };
    return { session, id, direction, envelope, isHosted, ...whose };
  }

  /**
   * Puts an accepted recipient in; the same one twice is one copy (RFC 5321 4.1.1.3 is silent). Of two
   * domains behind one server an operator may hold one: its mail does not go the way of the other.
   */
  take(recipient: Recipient, policy: Domain, way: Way, isClosed: boolean): void {
    this.domain ??= policy;
    const key = `${isClosed ? 'closed' : 'open'} ${wayKey(way.destination)}`;
    if (!this.#ways.has(key)) this.#ways.set(key, way);
    const { local, domain } = recipient.address;
    const isKnown = this.recipients.some(
      ({ address }) => address.local === local && address.domain === domain,
    );
    if (!isKnown) this.recipients.push(recipient);
  }

  /** Where all of it goes; undefined without recipients. */
  get way(): Way | undefined {
    if (this.#ways.size < 2) return this.#ways.values().next().value;
    const lane = fanOutLane(this.domain?.name);
    const destination = destinationOf(this.generation.directory, lane);
    return destination && { lane, destination };
  }

  /** The members that every log line about this message carries. */
  get logFields(): Fields & { ip: string } {
    const { session, id } = this;
    return { ip: session.remote.address, sid: session.sid, id };
  }

  /** Who it is from and for, as log lines name it. */
  get envelopeFields(): Fields {
    const to = this.recipients
      .slice(0, NAMED_RECIPIENTS)
      .map(({ address }) => formatAddress(address));
    return {
      dir: this.direction,
      from: pathText(this.reversePath),
      to: to.length === 0 ? undefined : to.join(','),
    };
  }

  countRecipient(reply: Reply): void {
    if (isPositive(reply)) this.#counts.accepted += 1;
    else if (isPermanent(reply)) this.#counts.rejected += 1;
    else this.#counts.deferred += 1;
    if (!isPositive(reply)) this.#lastRefusal = reply;
  }

  /** Facts for the ledger line, such as score and size. */
  note(facts: Readonly<Record<string, unknown>>): void {
    Object.assign(this.#facts, facts);
  }

  /** For the record alone. */
  keepSubject(subject: string): void {
    this.#subject = subject;
  }

  /** It ended without content: everything refused, or given up by the client. */
  abandon(): void {
    const { accepted, deferred, rejected } = this.#counts;
    if (accepted === 0 && rejected > 0) this.end('reject', this.#lastRefusal);
    else if (accepted === 0 && deferred > 0) this.end('tempfail', this.#lastRefusal);
    else this.end('abort', undefined);
  }

  end(result: TransactionResult, reply: Reply | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.generation.leave();
    this.sending?.ended(result);
    const { session, way } = this;
    const { accepted, deferred, rejected } = this.#counts;
    this.#log.emit('msg.in', {
      ...this.logFields,
      ...this.envelopeFields,
      acct: this.account?.name,
      res: result,
      helo: session.hello?.name,
      listener: session.listener,
      rcpts: `${accepted}/${deferred}/${rejected}`,
      dest: way === undefined ? this.domain?.name : domainOfLane(way.lane),
      tls: session.tls?.protocol ?? '-',
      ...this.#facts,
      why: reply?.reason ?? this.#facts['why'],
      code: reply?.code,
      enh: reply?.enhanced,
      text: reply?.lines.join(' '),
      ms: Math.round(this.#clock.mono() - this.#startedMono),
      ...this.#kept(),
    });
  }

  /** What the record needs beyond the ledger line: every recipient, and the subject if it may. */
  #kept(): Pick<Fields, 'kept'> {
    const subject = this.#subject;
    const recipients =
      this.recipients.length > NAMED_RECIPIENTS
        ? this.recipients.slice(0, KEPT_RECIPIENTS).map(({ address }) => formatAddress(address))
        : undefined;
    // `dest` is where it goes; of outgoing mail that is no customer of ours.
    const customer = this.direction === 'out' ? this.domain?.name : undefined;
    if (subject === undefined && recipients === undefined && customer === undefined) return {};
    return {
      kept: {
        ...(subject !== undefined && { subject }),
        ...(recipients && { recipients }),
        ...(customer !== undefined && { customer }),
      },
    };
  }
}
