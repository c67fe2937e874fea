/**
 * One transaction of a customer against what its account may: who is behind it, whether that one is
 * locked, and what the message takes of the limits. Taken when the content begins and known before
 * the message is accepted; whatever else becomes of it, it is given back. When the counters cannot
 * be asked, mail is put off.
 */
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Account } from '../directory/account.ts';
import type { Domain } from '../directory/domain.ts';
import { namedDomains } from '../mail/author-domain.ts';
import type { HeaderField } from '../mail/header.ts';
import type { Recipient } from '../mail/envelope.ts';
import type { Reply } from '../mail/reply.ts';
import { replies } from '../mail/reply.ts';
import type { Acquaintances } from '../outbound/acquaintances.ts';
import { authorOf, demandsOfKind, kindOf } from '../outbound/mail-kinds.ts';
import { identityOfEnvelope, identityOfHeader, removedFields } from '../outbound/identity.ts';
import type { Limits, Reservation } from '../outbound/limits.ts';
import type { Locks } from '../outbound/locks.ts';
import { mayAuthor } from '../outbound/sender-policy.ts';
import type { Judgement } from './judge.ts';
import type { Transaction, TransactionResult } from './transaction.ts';

export interface SendingDeps {
  readonly limits: Limits;
  readonly locks: Locks;
  readonly acquaintances: Acquaintances;
  readonly log: Log;
}

/** What is taken although it is not handed on as it is: it does not come again. */
const COUNTED: ReadonlySet<TransactionResult> = new Set(['accept', 'quarantine', 'discard']);

export class Sending {
  readonly #deps: SendingDeps;
  readonly #transaction: Transaction;
  readonly #account: Account;
  readonly #domain: Domain;
  /** Recipients that the account has not written to before, as far as that is limited. */
  readonly #strangers = new Set<string>();
  #identity: string | undefined;
  /** What was known of locks when they were asked last. */
  #asked: number | undefined;
  #reservation: Promise<Reservation> | undefined;
  #header: readonly [Buffer, readonly HeaderField[]] = [Buffer.alloc(0), []];
  readonly #alsoTaken: Reservation[] = [];

  private constructor(
    deps: SendingDeps,
    transaction: Transaction,
    { account, domain }: { readonly account: Account; readonly domain: Domain },
  ) {
    this.#deps = deps;
    this.#transaction = transaction;
    this.#account = account;
    this.#domain = domain;
    const { session, reversePath } = transaction;
    const login = session.login?.user;
    this.#identify(identityOfEnvelope(account, { login, reversePath }));
  }

  /** Undefined for the mail of a stranger. */
  static of(deps: SendingDeps, transaction: Transaction): Sending | undefined {
    const { account, domain } = transaction;
    return account && domain && new Sending(deps, transaction, { account, domain });
  }

  get identity(): string | undefined {
    return this.#identity;
  }

  /** After MAIL: a refusal, or nothing. */
  atMail(): Promise<Reply | undefined> {
    return this.#asking(async () => (await this.#locked()) ?? (await this.#roomFor(0, 0)));
  }

  /** A recipient that would be taken: a refusal, or nothing. */
  atRecipient({ address }: Recipient): Promise<Reply | undefined> {
    return this.#asking(async () => {
      const { recipients } = this.#transaction;
      const isStranger = await this.#deps.acquaintances.isStranger(this.#account, address);
      const strangers = this.#strangers.size + (isStranger ? 1 : 0);
      const refused = await this.#roomFor(recipients.length + 1, strangers);
      if (refused === undefined && isStranger) {
        this.#strangers.add(this.#deps.acquaintances.nameOf(address));
      }
      return refused;
    });
  }

  /** The content begins. What is taken of the limits is known when it has ended. */
  begin(): void {
    const { recipients } = this.#transaction;
    const need = { recipients: recipients.length, newRecipients: this.#strangers.size };
    this.#reservation = this.#deps.limits.reserve(this.#sender, need);
    // Asked for at the end; who leaves before that never asks.
    this.#reservation.catch(() => undefined);
  }

  /** The header has come: a refusal, or nothing. */
  read(header: Buffer, fields: readonly HeaderField[]): Reply | undefined {
    this.#header = [header, fields];
    const { reversePath, generation } = this.#transaction;
    const found = identityOfHeader(this.#account, reversePath, header, fields);
    if (found !== undefined) this.#identify(found);
    const { name, domain } = this.#account;
    const authors = namedDomains(header, fields);
    const { directory } = generation;
    const isBounce = reversePath === null;
    if (authors !== undefined && mayAuthor(directory, this.#account, authors, { isBounce })) {
      return undefined;
    }
    return replies.authorNotOfAccount(name, domain);
  }

  /** Fields that have done their work and do not go on. */
  removed(fields: readonly HeaderField[]): readonly HeaderField[] {
    return removedFields(this.#account, fields);
  }

  /** The filters have spoken: counts what they found, and says what is against taking the message. */
  async judged(judgement: Judgement, mailClass?: unknown): Promise<Reply | undefined> {
    const why = judgement.kind === 'refuse' ? judgement.reply.reason : reasonOf(judgement);
    const locked = await this.#asking(async () => {
      // By now the header has said who it is, and others of the account may have been caught.
      const found = await this.#locked();
      if (found === undefined && (why === 'spam' || why === 'virus')) {
        await this.#deps.locks.strike(this.#account, this.#identity, why);
      }
      return found;
    });
    if (locked !== undefined) return locked;
    if (judgement.kind === 'refuse') return judgement.reply;
    return this.#asking(async () => {
      const { refused } = (await this.#reservation) ?? {};
      if (refused !== undefined) return replies.relayLimit();
      return this.#againstKind(mailClass);
    });
  }

  /** Bulk mail, bounces and automatic replies have limits of their own. */
  async #againstKind(mailClass: unknown): Promise<Reply | undefined> {
    const { reversePath, recipients } = this.#transaction;
    const { outgoing, name: domain } = this.#domain;
    const [header, fields] = this.#header;
    const kind = kindOf(header, fields, reversePath, mailClass);
    if (kind === undefined) return undefined;
    this.#transaction.note({ kind });
    if (kind === 'bulk' && outgoing.bulk === 'refuse') return replies.bulkRefused();
    const author = authorOf(header, fields, reversePath);
    const to = recipients.map(({ address }) => address);
    const demands = demandsOfKind(outgoing, { domain, kind, author, recipients: to });
    if (demands.length === 0) return undefined;
    const reservation = await this.#deps.limits.reserveKind(this.#sender, demands);
    this.#alsoTaken.push(reservation);
    if (reservation.refused === undefined) return undefined;
    return kind === 'reply' ? replies.tooManyReplies() : replies.relayLimit();
  }

  /** The transaction is over. */
  ended(result: TransactionResult): void {
    const reservation = this.#reservation;
    if (reservation === undefined) return;
    this.#reservation = undefined;
    if (!COUNTED.has(result)) {
      for (const one of this.#alsoTaken) one.giveBack();
      reservation.then((one) => one.giveBack()).catch(() => undefined);
      return;
    }
    const { recipients } = this.#transaction;
    const sent = { recipients: recipients.length, identity: this.#identity };
    this.#deps.limits.sent(this.#sender, sent);
    const addresses = recipients.map(({ address }) => address);
    this.#deps.acquaintances.met(this.#account, addresses).catch((error: unknown) => {
      this.#deps.log.emit('store.error', { acct: this.#account.name, err: errorText(error) });
    });
  }

  get #sender() {
    return { account: this.#account, outgoing: this.#domain.outgoing };
  }

  #identify(identity: string | undefined): void {
    if (identity !== this.#identity) this.#asked = undefined;
    this.#identity = identity;
    if (identity !== undefined) this.#transaction.note({ ident: identity });
  }

  async #locked(): Promise<Reply | undefined> {
    const { locks } = this.#deps;
    if (this.#asked === locks.changes) return undefined;
    const { changes } = locks;
    const locked = await locks.of(this.#account, this.#identity);
    if (locked === undefined) this.#asked = changes;
    if (locked === undefined) return undefined;
    return replies.senderLocked(locked.identity === undefined ? 'account' : 'identity');
  }

  async #roomFor(recipients: number, newRecipients: number): Promise<Reply | undefined> {
    const need = { recipients, newRecipients };
    const lacking = await this.#deps.limits.lacks(this.#sender, need);
    return lacking && replies.relayLimit();
  }

  async #asking(ask: () => Promise<Reply | undefined>): Promise<Reply | undefined> {
    try {
      return await ask();
    } catch (error) {
      this.#deps.log.emit('store.error', { acct: this.#account.name, err: errorText(error) });
      return replies.fault();
    }
  }
}

function reasonOf(judgement: Exclude<Judgement, { kind: 'refuse' }>) {
  return judgement.kind === 'quarantine' ? judgement.reason : undefined;
}
