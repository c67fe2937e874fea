/**
 * What happens to a session and its transactions, stage by stage: connect, hello, MAIL, RCPT, DATA;
 * the content stage is content-stage.ts. Each method answers with a reply and leaves a trace of its
 * refusals; nothing here knows sockets or bytes of the protocol.
 */
import type { Clock } from '../base/clock.ts';
import type { SessionId } from '../base/ids.ts';
import { messageId } from '../base/ids.ts';
import type { EventName, Log } from '../base/log.ts';
import type { ReversePath } from '../mail/address.ts';
import { formatAddress, pathText } from '../mail/address.ts';
import type { MailParameters, Recipient } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import { isPermanent, isPositive, replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import type { Verdict } from '../mail/verdict.ts';
import type { Logins } from '../outbound/logins.ts';
import { credentialOf } from '../outbound/logins.ts';
import type { SharedNetworks } from '../outbound/shared-networks.ts';
import { accountOf, checkSender, sharedAccountOf } from '../outbound/sender-policy.ts';
import type {
  ContentSink,
  Conversation,
  LoginAnswer,
  SessionSummary,
} from '../smtp/conversation.ts';
import { GatheredEvidence } from '../plugin-host/gathered-evidence.ts';
import type { QueueName } from '../smtp/commands.ts';
import type { Credentials } from '../smtp/sasl.ts';
import type { ScramSalt } from '../smtp/scram.ts';
import type { ArchivingDeps } from './archiving.ts';
import type { Accept } from './accept.ts';
import { connectionRefusal } from './connection-limit.ts';
import { ContentStage } from './content-stage.ts';
import { filterPolicy } from './filter-policy.ts';
import type { Generation } from './generation.ts';
import type { HarvestGuard } from './harvest-guard.ts';
import { measureOf } from './harvest-guard.ts';
import { isAgainst, refusal } from './judge.ts';
import { logIn } from './login.ts';
import type { SignatureDeps } from './outgoing-signature.ts';
import type { QueueStartDeps } from './queue-start.ts';
import { mayStartQueues, startQueue } from './queue-start.ts';
import type { ReturnedDeps } from './returned.ts';
import type { RecipientLessons } from './recipient-lessons.ts';
import type { RecipientDeps } from './recipient-stage.ts';
import { judgeRecipient } from './recipient-stage.ts';
import type { SendingDeps } from './sending.ts';
import { Sending } from './sending.ts';
import type { StagingArea } from './staging.ts';
import { Transaction } from './transaction.ts';
import { helpFor } from './usage-help.ts';

export interface StagesDeps
  extends RecipientDeps, QueueStartDeps, SignatureDeps, SendingDeps, ArchivingDeps, ReturnedDeps {
  readonly store: RecipientDeps['store'] & QueueStartDeps['store'];
  /** The generation in force now. */
  readonly current: () => Generation;
  readonly logins: Logins;
  readonly sharedNetworks: Pick<SharedNetworks, 'has'>;
  readonly accept: Accept;
  readonly lessons: Pick<RecipientLessons, 'sender'>;
  readonly harvest: HarvestGuard;
  readonly staging: StagingArea;
  readonly clock: Clock;
  readonly log: Log;
}

/** Domains that one line of the log names. */
const NAMED_DOMAINS = 5;

export class Stages implements Conversation {
  readonly #deps: StagesDeps;
  readonly #session: SessionView;
  readonly #signal: AbortSignal;
  /** What filters have said of the connection and of the name in HELO. */
  readonly #evidence = new GatheredEvidence();
  /** What the login of this session was right by. */
  #credential: string | undefined;
  #transaction: Transaction | undefined;
  #transactions = 0;
  #unknownRecipients = 0;

  constructor(deps: StagesDeps, session: SessionView, signal: AbortSignal) {
    this.#deps = deps;
    this.#session = session;
    this.#signal = signal;
  }

  async connect(): Promise<Reply | undefined> {
    this.#credential = undefined;
    this.#unknownRecipients = 0; // of the client before, when a proxy speaks for another one now
    this.#evidence.forget('connect');
    this.#evidence.forget('helo');
    const { filters, directory } = this.#deps.current();
    const account = directory.accounts.byAddress(this.#session.remote.address);
    const many = await connectionRefusal(this.#deps, this.#deps.current(), account);
    if (many !== undefined) return this.#refuse('smtp.reject.conn', many, { acct: account?.name });
    if (!filters.has('connect')) return undefined;
    const view = { session: this.#session };
    const verdict = await filters.connect(view, this.#evidence, this.#signal);
    return this.#refusedBy(verdict, 'smtp.reject.conn');
  }

  /** The session takes the name only when it is not refused: the view has it before. */
  async hello(verb: 'HELO' | 'EHLO', name: string): Promise<Reply | undefined> {
    this.#evidence.forget('helo');
    const { filters } = this.#deps.current();
    if (!filters.has('helo')) return undefined;
    const session: SessionView = { ...this.#session, hello: { verb, name } };
    const verdict = await filters.helo({ session }, this.#evidence, this.#signal);
    return this.#refusedBy(verdict, 'smtp.reject.helo', { helo: name });
  }

  async authenticate(credentials: Credentials): Promise<LoginAnswer> {
    const generation = this.#deps.current();
    const answer = await logIn(this.#deps, generation, this.#session, credentials, this.#signal);
    const { accounts } = generation.directory;
    if (isPositive(answer.reply)) this.#credential = credentialOf(accounts, credentials.user);
    return answer;
  }

  takesProofs(): boolean {
    return this.#deps.current().directory.accounts.hasScramKeys;
  }

  saltOf(user: string): ScramSalt {
    return this.#deps.logins.saltOf(this.#deps.current().directory.accounts, user);
  }

  mayEtrn(): boolean {
    return mayStartQueues(this.#deps.current().directory, this.#session);
  }

  // oxlint-disable-next-line require-await -- as the interface has it
  async etrn(queue: QueueName): Promise<Reply> {
    const { directory } = this.#deps.current();
    const { reply, domains, waiting } = startQueue(this.#deps, directory, this.#session, queue);
    this.#deps.log.emit('smtp.etrn', {
      ip: this.#session.remote.address,
      sid: this.#session.sid,
      helo: this.#session.hello?.name,
      acct: accountOf(directory.accounts, this.#session)?.name,
      queue: queue.name,
      domains: domains.length === 0 ? undefined : domains.slice(0, NAMED_DOMAINS),
      n: waiting,
      why: reply.reason,
      code: reply.code,
    });
    return reply;
  }

  help(): Promise<Reply> {
    return helpFor(this.#deps, this.#deps.current().directory, this.#session);
  }

  async mail(reversePath: ReversePath, parameters: MailParameters): Promise<Reply> {
    const generation = this.#deps.current();
    const { directory } = generation;
    const { user } = this.#session.login ?? {};
    const isOver =
      user !== undefined &&
      this.#credential !== undefined &&
      credentialOf(directory.accounts, user) !== this.#credential;
    if (isOver) {
      const from = pathText(reversePath);
      return this.#refuse('smtp.reject.mail', replies.loginOver(generation.settings.hostname), {
        from,
      });
    }
    const known = accountOf(directory.accounts, this.#session);
    const { sharedNetworks } = this.#deps;
    const found = known ?? sharedAccountOf(directory, sharedNetworks, this.#session, reversePath);
    const account = found === 'unsure' ? undefined : found;
    const needsAccount = generation.settings.authenticatedListeners.has(this.#session.listener);
    if (needsAccount && account === undefined) {
      const reply = found === 'unsure' ? replies.accountUnsure() : replies.authRequired();
      return this.#refuse('smtp.reject.mail', reply, { from: pathText(reversePath) });
    }
    const sender = account && checkSender(directory, account, reversePath);
    if (sender !== undefined && sender.kind !== 'allowed') {
      const isForeign = sender.kind === 'foreign';
      const { name = '', domain = '' } = account ?? {};
      const refusal = isForeign ? replies.senderNotOfAccount : replies.nullSenderRefused;
      const reply = refusal(name, domain);
      const whose = { dir: 'out', acct: name, from: pathText(reversePath) };
      return this.#refuse('smtp.reject.mail', reply, whose);
    }
    this.#transactions += 1;
    const id = messageId(this.#session.sid as SessionId, this.#transactions); // made by base/ids
    const transaction = new Transaction(
      id,
      this.#session,
      generation,
      { reversePath, parameters, sender, mayBeCustomer: found === 'unsure' },
      this.#deps,
      this.#evidence,
    );
    if (generation.filters.has('mail')) {
      const refused = this.#refusedBy(
        await generation.filters.mail(transaction.view, transaction.evidence, this.#signal),
        'smtp.reject.mail',
        {
          id,
          from: pathText(reversePath),
        },
      );
      if (refused !== undefined) {
        transaction.end(isPermanent(refused) ? 'reject' : 'tempfail', refused);
        return refused;
      }
    }
    transaction.sending = Sending.of(this.#deps, transaction);
    const refused = await transaction.sending?.atMail();
    if (refused !== undefined) {
      transaction.end(isPermanent(refused) ? 'reject' : 'tempfail', refused);
      const fields = { id, ...transaction.envelopeFields, acct: transaction.account?.name };
      return this.#refuse('smtp.reject.mail', refused, fields);
    }
    this.#transaction = transaction;
    return replies.senderOk();
  }

  async rcpt(recipient: Recipient): Promise<Reply> {
    const transaction = this.#transaction;
    if (transaction === undefined) return replies.badSequence('Need MAIL command');
    const { settings } = transaction.generation;
    const { address } = this.#session.remote;
    const client = { address, account: transaction.account?.name };
    const { harvest } = this.#deps;
    const standing = harvest.standing(client, settings.harvest);
    if (standing === 'shut-out') {
      const shutOut = replies.harvesting(settings.hostname);
      transaction.countRecipient(shutOut);
      return this.#refuse('smtp.reject.abuse', shutOut, { id: transaction.id });
    }
    const signal = this.#signal;
    const reply = await judgeRecipient(this.#deps, transaction, recipient, standing, signal);
    transaction.countRecipient(reply);
    if (isPositive(reply)) return reply;
    this.#refuse('smtp.reject.rcpt', reply, {
      id: transaction.id,
      ...transaction.envelopeFields,
      to: formatAddress(recipient.address),
    });
    // Who looks for an open relay is stopped like who looks for addresses.
    if (reply.reason === 'unknown_rcpt' || reply.reason === 'relay_denied') {
      this.#unknownRecipients += 1;
      await harvest.refused(client, settings.harvest, signal);
    }
    if (this.#unknownRecipients < measureOf(client, settings.unknownRecipients)) return reply;
    return this.#refuse('smtp.reject.abuse', replies.harvesting(settings.hostname), {});
  }

  async data(): Promise<Reply | ContentSink> {
    const transaction = this.#transaction;
    const { domain, way } = transaction ?? {};
    if (transaction === undefined || domain === undefined || way === undefined) {
      return replies.noValidRecipients();
    }
    const { filters } = transaction.generation;
    if (filters.has('data')) {
      const view = { ...transaction.view, domain: domain.name };
      const refused = this.#refusedBy(
        await filters.data(
          view,
          filterPolicy(domain, transaction.account),
          transaction.evidence,
          this.#signal,
        ),
        'smtp.reject.data',
        { id: transaction.id, ...transaction.envelopeFields },
      );
      if (refused !== undefined) {
        // Ended by us: without this the client's next step would make it an abort.
        transaction.end(isPermanent(refused) ? 'reject' : 'tempfail', refused);
        this.#transaction = undefined;
        return refused;
      }
    }
    this.#transaction = undefined;
    transaction.sending?.begin();
    return new ContentStage(this.#deps, transaction, { domain, way }, this.#signal);
  }

  reset(): void {
    this.#transaction?.abandon();
    this.#transaction = undefined;
  }

  closed(_summary: SessionSummary): void {
    this.reset();
  }

  /** A filter's refusal before the content, as a reply; nothing when it lets the client go on. */
  #refusedBy(
    verdict: Verdict,
    evt: EventName | undefined,
    fields: Readonly<Record<string, unknown>> = {},
  ): Reply | undefined {
    if (!isAgainst(verdict)) return undefined;
    const reply = refusal(verdict);
    return evt === undefined ? reply : this.#refuse(evt, reply, fields);
  }

  #refuse(evt: EventName, reply: Reply, fields: Readonly<Record<string, unknown>>): Reply {
    this.#deps.log.emit(evt, {
      ip: this.#session.remote.address,
      sid: this.#session.sid,
      helo: this.#session.hello?.name,
      ...fields,
      why: reply.reason,
      code: reply.code,
      enh: reply.enhanced,
      text: reply.lines.join(' '),
    });
    return reply;
  }
}
