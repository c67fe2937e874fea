/**
 * What others say of mail that customers have sent: complaints of those who got it, and bounces. Anybody
 * can write such a report, so it counts only for a message that was really sent, whose Message-ID is known
 * to those alone who had it; and for each recipient once, however often it comes. What locks an account are
 * complaints about several messages by several people: one who complains of all that he got, or who names
 * all recipients of one message, counts as one. Neither is ever answered.
 */
import type { Log } from '../base/log.ts';
import type { Account } from '../directory/account.ts';
import type { Directory } from '../directory/domain.ts';
import type { ReturnedMail } from '../mail/returned-mail.ts';
import type { CounterStore } from '../store/counter-store.ts';
import type { Mark, TtlMap } from '../store/ttl-map.ts';
import { countKey } from './counter-keys.ts';
import type { Locks } from './locks.ts';

/** A message of an account that was accepted. */
export interface SentMail {
  readonly id: string;
  readonly account: string;
  readonly identity: string | undefined;
  /** An automatic reply or a bounce: whoever got it may have called it forth. */
  readonly isAnswer: boolean;
  /** Those that the report is about, in lower case; none: it does not say. */
  readonly recipients: readonly string[];
}

/** One message that speaks of another. */
export interface Report {
  readonly id: string;
  /** Empty for the null reverse-path. */
  readonly from: string;
  readonly kind: 'complaint' | 'bounce';
  readonly says: ReturnedMail;
}

export interface FeedbackOptions {
  readonly counters: Pick<CounterStore, 'take'>;
  readonly ttl: Pick<TtlMap, 'putIfAbsent' | 'put'>;
  readonly locks: Pick<Locks, 'complained'>;
  readonly findSent: (says: ReturnedMail) => Promise<SentMail | undefined>;
  readonly log: Log;
}

const NAMESPACE = 'feedback';
/** Longer than any window that is counted. */
const KEEP_MS = 60 * 86_400_000;
/** A crash before it is counted leaves no more than this, and who reported it hears nothing and comes again. */
const UNDER_WAY_MS = 15_000;
/** Feedback that is no complaint (RFC 5965 7.3, RFC 6591 3.1). */
const NO_COMPLAINT: ReadonlySet<string> = new Set(['not-spam', 'auth-failure', 'dmarc']);
const FAILED = /^5\./;
/** In place of a recipient, when the report does not say whom it is about. */
const SOMEBODY = '?';

export class Feedback {
  readonly #options: FeedbackOptions;

  constructor(options: FeedbackOptions) {
    this.#options = options;
  }

  /** Counts it, if it is to be counted. Rejects when records or counters cannot be asked. */
  async take(report: Report, directory: Directory): Promise<void> {
    const { log, findSent } = this.#options;
    const { says, kind, from: by } = report;
    const { feedbackType: type, status, action } = says;
    if (kind === 'complaint' ? type !== undefined && NO_COMPLAINT.has(type) : !isFailure(says)) {
      return;
    }
    const sent = await findSent(says);
    const account = sent && directory.accounts.byName(sent.account);
    if (sent === undefined || account === undefined) {
      // Bounces of mail that others have forged come every day; a complaint is for a person to read.
      if (kind === 'complaint')
        log.emit('acct.complaint', { id: report.id, by, type, why: 'unknown' });
      return;
    }
    const facts = { id: sent.id, acct: account.name, dom: account.domain, ident: sent.identity };
    for (const to of sent.recipients.length > 0 ? sent.recipients : [SOMEBODY]) {
      const what = `${kind} ${sent.id} ${to}`;
      if (!(await this.#isNew(what, report))) continue;
      const counted = kind === 'complaint' ? 'complaints' : 'bounced';
      await this.#count(counted, account, directory, mark(what, report, KEEP_MS));
      const line = { ...facts, report: report.id, to };
      if (kind === 'complaint') log.emit('acct.complaint', { ...line, by, type });
      else log.emit('acct.bounce', { ...line, status, action });
    }
    // Else a stranger could have anybody's account locked, by writing to it and complaining of the answers.
    if (kind === 'complaint' && !sent.isAnswer) await this.#weigh(account, sent, report);
  }

  /** Unless this message was complained about before, or the same person complained of late. */
  async #weigh(account: Account, sent: SentMail, report: Report): Promise<void> {
    const { complaints } = account.lock;
    if (complaints === undefined) return;
    // What people write themselves says who they are; a provider's report speaks for all of them.
    const isOwn = report.says.feedbackType === undefined;
    const people = sent.recipients.length === 0 && isOwn ? [report.from] : sent.recipients;
    const reasons = [
      ...people.map((one) => ({
        what: `person ${account.name} ${one.toLowerCase()}`,
        keepMs: complaints.withinMs,
      })),
      { what: `weight ${sent.id}`, keepMs: KEEP_MS },
    ];
    const fresh: typeof reasons = [];
    for (const reason of reasons) {
      if (!(await this.#isNew(reason.what, report))) break;
      fresh.push(reason);
    }
    const marks = fresh.map(({ what, keepMs }) => mark(what, report, keepMs));
    if (fresh.length === reasons.length)
      return this.#options.locks.complained(account, sent.identity, marks);
    for (const { namespace, key, value, ttlMs } of marks)
      await this.#options.ttl.put(namespace, key, value, ttlMs);
  }

  /** No other report was about it before. */
  async #isNew(what: string, { id }: Report): Promise<boolean> {
    const own = Buffer.from(id);
    const { value } = await this.#options.ttl.putIfAbsent(NAMESPACE, what, own, UNDER_WAY_MS);
    return Buffer.from(value).toString() === id;
  }

  async #count(
    what: 'complaints' | 'bounced',
    account: Account,
    directory: Directory,
    once: Mark,
  ): Promise<void> {
    const { timeZone = 'UTC' } = directory.find(account.domain)?.outgoing ?? {};
    const limits = { day: Infinity, month: Infinity };
    const demand = { key: countKey(what, account.name), timeZone, limits };
    await this.#options.counters.take([demand], 1, [once]);
  }
}

/** It has been counted, by this report. */
function mark(key: string, { id }: Report, ttlMs: number): Mark {
  return { namespace: NAMESPACE, key, value: Buffer.from(id), ttlMs };
}

/** Delays are none, nor is what was delivered. */
function isFailure({ action, status }: ReturnedMail): boolean {
  return action === undefined ? status !== undefined && FAILED.test(status) : action === 'failed';
}
