/**
 * What happens to a session and its transactions, stage by stage: connect, hello, MAIL, RCPT, DATA;
 * the content stage is content-stage.ts. Each method answers with a reply and leaves a trace of its
 * refusals; nothing here knows sockets or bytes of the protocol.
 */
import type { Clock } from '../base/clock.ts';
import type { SessionId } from '../base/ids.ts';
import { messageId } from '../base/ids.ts';
import type { Ending } from '../base/lazy-abort.ts';
import type { EventName, Log } from '../base/log.ts';
import type { Soon } from '../base/soon.ts';
import { whenKnown } from '../base/soon.ts';
import type { Account } from '../directory/account.ts';
import type { Domain } from '../directory/domain.ts';
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
import { accountOf } from '../outbound/sender-policy.ts';
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
import type { Client, HarvestGuard } from './harvest-guard.ts';
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
import { findSender } from './sender-stage.ts';
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
  readonly #over: Ending;
  /** What filters have said of the connection and of the name in HELO. */
  readonly #evidence = new GatheredEvidence();
  /** What the login of this session was right by. */
  #credential: string | undefined;
  #transaction: Transaction | undefined;
  #transactions = 0;
  #unknownRecipients = 0;

  constructor(deps: StagesDeps, session: SessionView, over: Ending) {
    this.#deps = deps;
    this.#session = session;
    this.#over = over;
  }

  connect(): Soon<Reply | undefined> {
    this.#credential = undefined;
    this.#unknownRecipients = 0; // of the client before, when a proxy speaks for another one now
    this.#evidence.forget('connect');
    this.#evidence.forget('helo');
    const generation = this.#deps.current();
    const account = generation.directory.accounts.byAddress(this.#session.remote.address);
    const isJudged = account !== undefined || generation.filters.has('connect');
    return isJudged ? this.#judgeConnection(generation, account) : undefined;
  }

  async #judgeConnection(
    generation: Generation,
    account: Account | undefined,
  ): Promise<Reply | undefined> {
    const { filters } = generation;
    const many = await connectionRefusal(this.#deps, generation, account);
    if (many !== undefined) return this.#refuse('smtp.reject.conn', many, { acct: account?.name });
    if (!filters.has('connect')) return undefined;
    const view = { session: this.#session };
    const verdict = await filters.connect(view, this.#evidence, this.#over.signal);
    return this.#refusedBy(verdict, 'smtp.reject.conn');
  }

  /** The session takes the name only when it is not refused: the view has it before. */
  hello(verb: 'HELO' | 'EHLO', name: string): Soon<Reply | undefined> {
    this.#evidence.forget('helo');
    const { filters } = this.#deps.current();
    if (!filters.has('helo')) return undefined;
    const session: SessionView = { ...this.#session, hello: { verb, name } };
    return filters
      .helo({ session }, this.#evidence, this.#over.signal)
      .then((verdict) => this.#refusedBy(verdict, 'smtp.reject.helo', { helo: name }));
  }

  async authenticate(credentials: Credentials): Promise<LoginAnswer> {
    const generation = this.#deps.current();
    const { signal } = this.#over;
    const answer = await logIn(this.#deps, generation, this.#session, credentials, signal);
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

  mail(reversePath: ReversePath, parameters: MailParameters): Soon<Reply> {
    const [deps, session] = [this.#deps, this.#session];
    const { sharedNetworks } = deps;
    const generation = deps.current();
    const found = findSender(sharedNetworks, generation, session, reversePath, this.#credential);
    if ('refused' in found) {
      const { refused, account } = found;
      const whose = account && { dir: 'out', acct: account.name };
      return this.#refuse('smtp.reject.mail', refused, { ...whose, from: pathText(reversePath) });
    }
    this.#transactions += 1;
    const id = messageId(session.sid as SessionId, this.#transactions); // made by base/ids
    const mail = { reversePath, parameters, ...found };
    const transaction = new Transaction(id, session, generation, mail, deps, this.#evidence);
    // RFC 1870 6.1: refused now rather than after the content.
    const { messageBytes } = generation.settings;
    if ((parameters.size ?? 0) > messageBytes) {
      return this.#refuseMail(transaction, replies.sizeExceeded(messageBytes));
    }
    const isJudged = found.sender !== undefined || generation.filters.has('mail');
    if (isJudged) return this.#judgeMail(transaction);
    this.#transaction = transaction;
    return replies.senderOk();
  }

  async #judgeMail(transaction: Transaction): Promise<Reply> {
    const { filters } = transaction.generation;
    if (filters.has('mail')) {
      const { view, evidence } = transaction;
      const verdict = await filters.mail(view, evidence, this.#over.signal);
      if (isAgainst(verdict)) return this.#refuseMail(transaction, refusal(verdict));
    }
    transaction.sending = Sending.of(this.#deps, transaction);
    const refused = await transaction.sending?.atMail();
    if (refused !== undefined) return this.#refuseMail(transaction, refused);
    this.#transaction = transaction;
    return replies.senderOk();
  }

  /** The transaction is over before it was open. */
  #refuseMail(transaction: Transaction, refused: Reply): Reply {
    const { id, account, envelopeFields } = transaction;
    this.#refuse('smtp.reject.mail', refused, { id, ...envelopeFields, acct: account?.name });
    transaction.end(isPermanent(refused) ? 'reject' : 'tempfail', refused);
    return refused;
  }

  rcpt(recipient: Recipient): Soon<Reply> {
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
    const judged = judgeRecipient(this.#deps, transaction, recipient, standing, this.#over);
    return whenKnown(judged, (reply) => {
      transaction.countRecipient(reply);
      return isPositive(reply)
        ? reply
        : this.#refuseRecipient(transaction, recipient, client, reply);
    });
  }

  #refuseRecipient(
    transaction: Transaction,
    recipient: Recipient,
    client: Client,
    reply: Reply,
  ): Soon<Reply> {
    const { settings } = transaction.generation;
    this.#refuse('smtp.reject.rcpt', reply, {
      id: transaction.id,
      dir: transaction.direction,
      from: pathText(transaction.reversePath),
      to: formatAddress(recipient.address),
    });
    // Who looks for an open relay is stopped like who looks for addresses.
    const isGuess = reply.reason === 'unknown_rcpt' || reply.reason === 'relay_denied';
    if (isGuess) this.#unknownRecipients += 1;
    const { harvest } = this.#deps;
    const slow = isGuess ? harvest.refused(client, settings.harvest, this.#over) : undefined;
    return whenKnown(slow, () =>
      this.#unknownRecipients < measureOf(client, settings.unknownRecipients)
        ? reply
        : this.#refuse('smtp.reject.abuse', replies.harvesting(settings.hostname), {}),
    );
  }

  data(): Soon<Reply | ContentSink> {
    const transaction = this.#transaction;
    const { domain, way } = transaction ?? {};
    if (transaction === undefined || domain === undefined || way === undefined) {
      return replies.noValidRecipients();
    }
    const isJudged = transaction.generation.filters.has('data');
    const refusal = isJudged ? this.#judgeData(transaction, domain) : undefined;
    return whenKnown(refusal, (refused) => {
      this.#transaction = undefined;
      if (refused !== undefined) {
        // Ended by us: without this the client's next step would make it an abort.
        transaction.end(isPermanent(refused) ? 'reject' : 'tempfail', refused);
        return refused;
      }
      transaction.sending?.begin();
      return new ContentStage(this.#deps, transaction, { domain, way }, this.#over);
    });
  }

  async #judgeData(transaction: Transaction, domain: Domain): Promise<Reply | undefined> {
    const { generation, evidence, account, id } = transaction;
    const view = { ...transaction.view, domain: domain.name };
    const policy = filterPolicy(domain, account);
    const verdict = await generation.filters.data(view, policy, evidence, this.#over.signal);
    return this.#refusedBy(verdict, 'smtp.reject.data', { id, ...transaction.envelopeFields });
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
