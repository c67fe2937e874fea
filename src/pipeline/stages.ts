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
import { formatAddress, needsSmtpUtf8, pathText } from '../mail/address.ts';
import type { MailParameters, Recipient } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import { isPermanent, isPositive, replies } from '../mail/reply.ts';
import type { SessionView } from '../mail/session-view.ts';
import type { Verdict } from '../mail/verdict.ts';
import type { Logins } from '../outbound/logins.ts';
import { accountOf } from '../outbound/sender-policy.ts';
import type { ContentSink, Conversation, SessionSummary } from '../smtp/conversation.ts';
import type { Credentials } from '../smtp/sasl.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import type { Accept } from './accept.ts';
import { ContentStage } from './content-stage.ts';
import type { Generation } from './generation.ts';
import type { HarvestGuard, Standing } from './harvest-guard.ts';
import { refusal } from './judge.ts';
import { logIn } from './login.ts';
import { overQuota } from './quota.ts';
import type { RecipientVerifier } from './recipients.ts';
import { routeInbound } from './relay-policy.ts';
import type { StagingArea } from './staging.ts';
import { Transaction } from './transaction.ts';

export interface StagesDeps {
  /** The generation in force now. */
  readonly current: () => Generation;
  readonly verifier: RecipientVerifier;
  readonly logins: Logins;
  readonly accept: Accept;
  readonly store: Pick<SpoolStore, 'totals'>;
  readonly harvest: HarvestGuard;
  readonly staging: StagingArea;
  readonly isDown: (destination: string) => boolean;
  /** The destination is known not to take addresses beyond ASCII. */
  readonly lacksSmtpUtf8: (destination: string) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

export class Stages implements Conversation {
  readonly #deps: StagesDeps;
  readonly #session: SessionView;
  readonly #signal: AbortSignal;
  #transaction: Transaction | undefined;
  #transactions = 0;
  #unknownRecipients = 0;

  constructor(deps: StagesDeps, session: SessionView, signal: AbortSignal) {
    this.#deps = deps;
    this.#session = session;
    this.#signal = signal;
  }

  async connect(): Promise<Reply | undefined> {
    const { filters } = this.#deps.current();
    if (!filters.has('connect')) return undefined;
    const verdict = await filters.connect({ session: this.#session }, this.#signal);
    return this.#refusedBy(verdict, 'smtp.reject.conn');
  }

  async hello(): Promise<Reply | undefined> {
    const { filters } = this.#deps.current();
    if (!filters.has('helo')) return undefined;
    const verdict = await filters.helo({ session: this.#session }, this.#signal);
    return this.#refusedBy(verdict, 'smtp.reject.helo');
  }

  async authenticate(credentials: Credentials): Promise<Reply> {
    const { directory, settings } = this.#deps.current();
    const { accounts } = directory;
    const { hostname } = settings;
    return logIn(this.#deps, accounts, hostname, this.#session, credentials, this.#signal);
  }

  async mail(reversePath: ReversePath, parameters: MailParameters): Promise<Reply> {
    const generation = this.#deps.current();
    const account = accountOf(generation.directory.accounts, this.#session);
    const needsAccount = generation.settings.authenticatedListeners.has(this.#session.listener);
    if (needsAccount && account === undefined) {
      return this.#refuse('smtp.reject.mail', replies.authRequired(), {
        from: pathText(reversePath),
      });
    }
    this.#transactions += 1;
    const id = messageId(this.#session.sid as SessionId, this.#transactions); // made by base/ids
    const transaction = new Transaction(
      id,
      this.#session,
      generation,
      { reversePath, parameters },
      this.#deps,
    );
    if (generation.filters.has('mail')) {
      const view = {
        session: this.#session,
        id,
        direction: 'in',
        envelope: transaction.envelope,
      } as const;
      const refused = this.#refusedBy(
        await generation.filters.mail(view, this.#signal),
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
    this.#transaction = transaction;
    return replies.senderOk();
  }

  async rcpt(recipient: Recipient): Promise<Reply> {
    const transaction = this.#transaction;
    if (transaction === undefined) return replies.badSequence('Need MAIL command');
    const { settings } = transaction.generation;
    const client = this.#session.remote.address;
    const { harvest } = this.#deps;
    const standing = harvest.standing(client, settings.harvest);
    if (standing === 'shut-out') {
      const shutOut = replies.harvesting(settings.hostname);
      transaction.countRecipient(shutOut);
      return this.#refuse('smtp.reject.abuse', shutOut, { id: transaction.id });
    }
    const reply = await this.#judgeRecipient(transaction, recipient, standing);
    transaction.countRecipient(reply);
    if (isPositive(reply)) return reply;
    this.#refuse('smtp.reject.rcpt', reply, {
      id: transaction.id,
      from: pathText(transaction.reversePath),
      to: formatAddress(recipient.address),
    });
    // Who looks for an open relay is stopped like who looks for addresses.
    if (reply.reason === 'unknown_rcpt' || reply.reason === 'relay_denied') {
      this.#unknownRecipients += 1;
      await harvest.refused(client, settings.harvest, this.#signal);
    }
    if (this.#unknownRecipients < settings.unknownRecipients) return reply;
    return this.#refuse('smtp.reject.abuse', replies.harvesting(settings.hostname), {});
  }

  async #judgeRecipient(
    transaction: Transaction,
    asked: Recipient,
    standing: Standing,
  ): Promise<Reply> {
    const { directory, settings, filters } = transaction.generation;
    const route = routeInbound(directory, settings.hostname, asked.address);
    if (route.kind === 'denied') return replies.relayDenied();
    const { domain, address } = route;
    const recipient: Recipient = { address, parameters: asked.parameters };
    if (transaction.domain !== undefined && transaction.domain.policyGroup !== domain.policyGroup) {
      return replies.otherPolicyGroup();
    }
    if (!domain.services.has('fallback') && this.#deps.isDown(domain.destination.key)) {
      return replies.destinationDown();
    }
    // Refused now rather than after the content, when that is known already.
    const isBeyondAscii = needsSmtpUtf8(transaction.reversePath) || needsSmtpUtf8(address);
    if (isBeyondAscii && this.#deps.lacksSmtpUtf8(domain.destination.key)) {
      return replies.smtpUtf8NotRelayable();
    }
    if (filters.has('rcpt')) {
      const view = {
        session: this.#session,
        id: transaction.id,
        direction: 'in',
        envelope: transaction.envelope,
        recipient,
      } as const;
      const refused = this.#refusedBy(await filters.rcpt(view, domain, this.#signal), undefined);
      if (refused !== undefined) return refused;
    }
    const { reversePath } = transaction;
    const verification = await this.#deps.verifier.verify(domain, address, reversePath, standing);
    if (verification.kind === 'refused') return verification.reply;
    const held = verification.kind === 'unverified' && verification.then === 'hold';
    if (transaction.domain !== undefined && held !== transaction.holdsUnverified) {
      return replies.otherPolicyGroup();
    }
    // What must wait and has no room is put off now, rather than after the content.
    const mustWait =
      held || !settings.delivery.cutThrough || this.#deps.isDown(domain.destination.key);
    const { size = 0 } = transaction.envelope.parameters;
    const full = mustWait
      ? overQuota(this.#deps.store, domain, settings.delivery.quota, size)
      : undefined;
    if (full !== undefined) return full;
    transaction.holdsUnverified = held;
    transaction.domain ??= domain;
    // The same recipient twice is one copy (RFC 5321 4.1.1.3 leaves it open).
    const isKnown = transaction.recipients.some(
      (other) => other.address.local === address.local && other.address.domain === address.domain,
    );
    if (!isKnown) transaction.recipients.push(recipient);
    return replies.recipientOk();
  }

  async data(): Promise<Reply | ContentSink> {
    const transaction = this.#transaction;
    if (transaction?.domain === undefined) return replies.noValidRecipients();
    const { filters } = transaction.generation;
    const { domain } = transaction;
    if (filters.has('data')) {
      const view = {
        session: this.#session,
        id: transaction.id,
        direction: 'in',
        envelope: transaction.envelope,
        domain: domain.name,
      } as const;
      const refused = this.#refusedBy(
        await filters.data(view, domain, this.#signal),
        'smtp.reject.data',
        {
          id: transaction.id,
        },
      );
      if (refused !== undefined) {
        // Ended by us: without this the client's next step would make it an abort.
        transaction.end(isPermanent(refused) ? 'reject' : 'tempfail', refused);
        this.#transaction = undefined;
        return refused;
      }
    }
    this.#transaction = undefined;
    return new ContentStage(this.#deps, transaction, domain, this.#signal);
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
    if (verdict.kind === 'pass') return undefined;
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
