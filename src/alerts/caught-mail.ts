/**
 * Mail of a customer that a filter keeps back: a report with the message to whoever answers for the
 * customer's people, so that he can find out who sent it and ask for its release, which is the
 * operator's alone. One report for each, up to a bound in an hour; the quarantine has the rest. It is
 * stored with the note that it was made, and what a crash kept from it has its report after the next
 * start. Of a virus, and of what must not go in the clear, the report has the header alone.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError, errorText } from '../base/errors.ts';
import { randomToken } from '../base/ids.ts';
import { LeakyBuckets } from '../base/leaky-buckets.ts';
import type { Log } from '../base/log.ts';
import type { OwnMail } from '../delivery/own-mail.ts';
import { MAX_RETURNED_BYTES, readBack } from '../delivery/reports.ts';
import type { Domain } from '../directory/domain.ts';
import type { AbuseFacts } from '../mail/abuse-report.ts';
import { buildAbuseReport } from '../mail/abuse-report.ts';
import type { Address } from '../mail/address.ts';
import { formatAddress, parseAddress, pathText } from '../mail/address.ts';
import { caughtWords } from '../mail/caught-words.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { SpoolStore } from '../store/spool-store.ts';

export interface CaughtMailOptions {
  readonly store: Pick<SpoolStore, 'readContent' | 'quarantined'>;
  readonly kept: {
    list(): AsyncIterable<{ readonly entry: SpoolEntry }>;
    /** Stores what `draw` makes of the message, once, and notes that. */
    report(id: string, draw: (entry: SpoolEntry) => Promise<Drawn | undefined>): Promise<unknown>;
  };
  readonly own: Pick<OwnMail, 'draw'>;
  /** The customer's domain that a message belongs to. */
  readonly domainOf: (entry: SpoolEntry) => Domain | undefined;
  readonly keepMs: () => number;
  /** Where the customer can ask for a message, and by which mark in the subject, if he can. */
  readonly requests: (id: string) => { readonly to: Address; readonly mark: string } | undefined;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

type Drawn = Awaited<ReturnType<OwnMail['draw']>>;

/** Reports for one customer in an hour; who sends more spam than that is locked long before. */
const PER_HOUR = 30;
const MAX_CUSTOMERS = 10_000;
/** A new message waits for the report of the one before; beyond so many it goes without. */
const MAX_WAITING = 1000;
const DAY_MS = 86_400_000;
/** RFC 5965 7.3. */
const FEEDBACK = { spam: 'abuse', virus: 'virus', other: 'other' } as const;

export class CaughtMail {
  readonly #options: CaughtMailOptions;
  readonly #told: LeakyBuckets;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #isStopped = false;

  constructor(options: CaughtMailOptions) {
    this.#options = options;
    this.#told = new LeakyBuckets(options.clock, MAX_CUSTOMERS);
  }

  /** Mail of the last day without a report: the process that caught it has died meanwhile. */
  start(): void {
    const { kept, store, clock, log } = this.#options;
    if (store.quarantined().messages === 0) return;
    const missed = async () => {
      for await (const { entry } of kept.list()) {
        if (this.#isStopped) return;
        const { at = 0, quarantine } = entry.hold ?? {};
        const isOwed = quarantine?.account !== undefined && quarantine.isReported !== true;
        if (isOwed && clock.now() - at < DAY_MS) this.caught(entry.id);
      }
    };
    this.#last = missed().catch((error: unknown) => {
      log.emit('alert.fail', { err: errorText(error) });
    });
  }

  /** The message is in the quarantine now. */
  caught(id: string): void {
    if (this.#waiting >= MAX_WAITING) return;
    this.#waiting += 1;
    this.#last = this.#last
      .then(() => this.#options.kept.report(id, (entry) => this.#draw(entry)))
      .then(() => undefined)
      .catch((error: unknown) => {
        this.#options.log.emit('alert.fail', { id, err: errorText(error) });
      })
      .then(() => {
        this.#waiting -= 1;
      });
  }

  /** What was caught has been reported. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#last;
  }

  async #draw(entry: SpoolEntry): Promise<Drawn | undefined> {
    const { store, own, domainOf, version, requests } = this.#options;
    const { id } = entry;
    const account = entry.hold?.quarantine?.account;
    if (account === undefined) return undefined;
    const domain = domainOf(entry);
    const to = domain?.contact === undefined ? undefined : parseAddress(domain.contact);
    if (domain === undefined || to === undefined || !to.ok) return undefined;
    if (!this.#told.hasRoom(domain.name, PER_HOUR, PER_HOUR)) return undefined;
    this.#told.add(domain.name, PER_HOUR, PER_HOUR);
    const reason = entry.hold?.reason;
    const as = reason === 'spam' || reason === 'virus' ? reason : 'other';
    const read = () => store.readContent(id);
    const { requireTls = false } = entry.parameters;
    const mayHaveAll = as !== 'virus' && !requireTls; // RFC 8689 5
    const returned = await readBack({ read }, mayHaveAll && entry.sizeBytes <= MAX_RETURNED_BYTES);
    if (returned === undefined) throw new CodedError('STORE_DAMAGED', 'its content is damaged');
    const request = requests(id);
    const { subject, lines } = caughtWords(
      {
        ...{ as, id, account, mayAsk: request !== undefined },
        client: entry.client.address,
        sender: pathText(entry.reversePath),
        recipients: entry.recipients.map(({ address }) => formatAddress(address)),
        finding: entry.hold?.text ?? '',
        keepDays: Math.round(this.#options.keepMs() / DAY_MS),
      },
      domain.reportLanguage,
    );
    const build = (facts: Pick<AbuseFacts, 'hostname' | 'id' | 'at'>) =>
      buildAbuseReport({
        ...facts,
        version,
        boundary: randomToken(16),
        to: to.value,
        kind: FEEDBACK[as],
        subject: request === undefined ? subject : `${subject} ${request.mark}`,
        replyTo: request?.to,
        text: [...lines, ''],
        arrivedAt: entry.queuedAt,
        sourceIp: entry.client.address,
        reversePath: entry.reversePath,
        recipients: entry.recipients.map(({ address }) => address),
        domain: entry.reversePath?.domain ?? domain.name,
        returned,
      });
    return own.draw(to.value, subject, build, requireTls);
  }
}
