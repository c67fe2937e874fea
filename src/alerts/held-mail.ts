/**
 * Mail that waits for a person: a survey of it now and then, and a notice to the contact of each
 * customer whose mail has been held for good since the last one: in words, with ids and what to do,
 * at most one an hour. The sender is never told. Mail held by hand, for an outage or by a filter is
 * not in the notices, nor are notices that could not be delivered themselves. Of filters only what
 * they found in mail for a customer after it had been accepted is, and what they have not judged in
 * its lifetime; of his own mail that they keep back he has reports (caught-mail.ts).
 */
import type { Clock, Timer } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { paged } from '../base/paged.ts';
import type { OwnMail } from '../delivery/own-mail.ts';
import { isOwnMail } from '../delivery/own-message.ts';
import type { Domain } from '../directory/domain.ts';
import { formatAddress, parseAddress, pathText } from '../mail/address.ts';
import type { Hold, SpoolEntry } from '../mail/spool-entry.ts';
import { isQuarantined } from '../mail/spool-entry.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import type { TtlMap } from '../store/ttl-map.ts';
import type { Present } from './conditions.ts';

export interface HeldMailOptions {
  readonly store: Pick<SpoolStore, 'scan' | 'totals' | 'quarantined'>;
  readonly map: Pick<TtlMap, 'get' | 'put'>;
  readonly own: Pick<OwnMail, 'send'>;
  /** The customer's domain that a message belongs to. */
  readonly domainOf: (entry: SpoolEntry) => Domain | undefined;
  readonly hostname: () => string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Held {
  readonly entry: SpoolEntry;
  readonly hold: Hold;
}

interface Customer {
  readonly domain: Domain;
  count: number;
  oldestAt: number;
  /** Held since the last notice, oldest first; no more of them than are listed. */
  readonly fresh: Held[];
  freshCount: number;
}

const NAMESPACE = 'held-notice';
const KEEP_MS = 400 * 24 * 3600 * 1000;
const LOOK_MS = 60_000;
/** A survey reads all that is held: only so often while the number of it stays the same. */
const EVERY_MS = 10 * 60_000;
/** Surveys take no more than this part of the time, however much changes. */
const SHARE = 1 / 20;
const NOTICE_MS = 3600 * 1000;
const LISTED = 50;
const LISTED_RECIPIENTS = 5;
const FOR_GOOD: ReadonlySet<Hold['reason']> = new Set([
  'undeliverable',
  'expired',
  'damaged',
  'unknown_rcpt',
]);

export class HeldMail {
  readonly #options: HeldMailOptions;
  readonly #stopped = new AbortController();
  #timer: Timer | undefined;
  #round: Promise<void> = Promise.resolve();
  #oldest: Present['oldestHeld'] = 'unknown';
  /** The last survey: when it was over, how long it took, and how much was held as it began. */
  #last = { at: -Infinity, tookMs: 0, held: 0 };

  constructor(options: HeldMailOptions) {
    this.#options = options;
  }

  start(): void {
    this.#later();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#timer?.stop();
    await this.#round;
  }

  /** What has waited longest for a person, as of the last survey; unknown before the first. */
  oldest(): Present['oldestHeld'] {
    return this.#options.store.totals().held === 0 ? undefined : this.#oldest;
  }

  #later(): void {
    const { clock, log } = this.#options;
    this.#timer = clock.timer(LOOK_MS, () => {
      this.#round = this.#look()
        .catch((error: unknown) => log.emit('alert.fail', { err: errorText(error) }))
        .then(() => {
          if (!this.#stopped.signal.aborted) this.#later();
        });
    });
  }

  async #look(): Promise<void> {
    const { clock, store } = this.#options;
    const begunAt = clock.mono();
    const { held } = store.totals();
    const { at, tookMs } = this.#last;
    const isOther = held !== this.#last.held && begunAt - at >= tookMs / SHARE;
    if (!isOther && begunAt - at < EVERY_MS) return;
    try {
      await this.#survey();
    } finally {
      this.#last = { at: clock.mono(), tookMs: clock.mono() - begunAt, held };
    }
  }

  async #survey(): Promise<void> {
    const customers = new Map<string, Customer>();
    const told = new Map<string, number>();
    let oldestAt = Infinity;
    let count = 0;
    for await (const held of this.#heldMail()) {
      // What filters keep is for the quarantine's own clock, and a hold for a time waits for nobody.
      if (!isQuarantined(held.entry) && held.hold.until === undefined) {
        count += 1;
        oldestAt = Math.min(oldestAt, held.hold.at);
      }
      const domain = this.#owner(held);
      if (domain === undefined) continue;
      const known = told.get(domain.name);
      const toldAt = known ?? (await this.#toldAt(domain));
      if (known === undefined) told.set(domain.name, toldAt);
      note(customers, domain, held, toldAt);
    }
    this.#oldest = count === 0 ? undefined : { at: oldestAt, count };
    for (const customer of customers.values()) {
      if (this.#stopped.signal.aborted) return;
      await this.#tell(customer, told.get(customer.domain.name) ?? 0);
    }
  }

  async *#heldMail(): AsyncGenerator<Held> {
    const { store } = this.#options;
    if (store.totals().held + store.quarantined().messages === 0) return;
    const all = paged(
      (page) => store.scan({ ...page, only: 'held' }),
      ({ entry }) => entry.id,
    );
    for await (const { entry } of all) {
      if (this.#stopped.signal.aborted) return;
      if (entry.hold !== undefined) yield { entry, hold: entry.hold };
    }
  }

  /** Whose contact hears of it. */
  #owner({ entry, hold }: Held): Domain | undefined {
    const isMeant =
      (hold.quarantine?.isLate === true && entry.direction === 'in') ||
      (hold.quarantine === undefined && FOR_GOOD.has(hold.reason)) ||
      (hold.unjudged !== undefined && entry.expiresAt <= this.#options.clock.now());
    if (!isMeant || isOwnMail(entry)) return undefined;
    const domain = this.#options.domainOf(entry);
    return domain?.contact === undefined ? undefined : domain;
  }

  async #toldAt({ name }: Domain): Promise<number> {
    const note = await this.#options.map.get(NAMESPACE, name);
    const at = note === undefined ? 0 : Number(Buffer.from(note.value).toString());
    return Number.isFinite(at) ? at : 0;
  }

  async #tell(customer: Customer, toldAt: number): Promise<void> {
    const { clock, own, map, hostname } = this.#options;
    const now = clock.now();
    const { domain, fresh, freshCount } = customer;
    const to = parseAddress(domain.contact ?? '');
    if (fresh.length === 0 || now - toldAt < NOTICE_MS || !to.ok) return;
    const messages = freshCount === 1 ? 'a message' : `${freshCount} messages`;
    const subject = `Mail for ${domain.name} is held: ${messages}`;
    const lines = noticeLines(customer, hostname());
    if (!(await own.send({ to: to.value, subject, lines }))) return;
    // What is held while the notice is written is in the next one.
    const upTo = Math.max(...fresh.map(heldSince));
    await map.put(NAMESPACE, domain.name, Buffer.from(String(Math.max(upTo, toldAt))), KEEP_MS);
  }
}

/** Since when its customer must know of it. */
function heldSince({ entry, hold }: Held): number {
  return hold.unjudged === undefined ? hold.at : entry.expiresAt;
}

function note(customers: Map<string, Customer>, domain: Domain, held: Held, toldAt: number): void {
  const known = customers.get(domain.name);
  const at = heldSince(held);
  const customer = known ?? { domain, count: 0, oldestAt: at, fresh: [], freshCount: 0 };
  if (known === undefined) customers.set(domain.name, customer);
  customer.count += 1;
  customer.oldestAt = Math.min(customer.oldestAt, at);
  if (at <= toldAt) return;
  customer.freshCount += 1;
  customer.fresh.push(held);
  if (customer.fresh.length <= LISTED) return;
  customer.fresh.sort((a, b) => heldSince(a) - heldSince(b));
  customer.fresh.shift();
}

function noticeLines({ domain, count, oldestAt, fresh, freshCount }: Customer, node: string) {
  const isLate = fresh.some(({ hold }) => hold.quarantine !== undefined);
  return [
    `This is the mail gateway ${node}, which takes mail for ${domain.name}.`,
    '',
    'The following mail was accepted and could then not be delivered to your mail server. It is not',
    'lost: it is kept at the gateway until somebody decides. The senders have not been told, for with',
    'a forged sender such a notice would itself be spam.',
    '',
    ...(isLate ? LATE_LINES : []),
    'What to do: if your server should have taken it, mend that and ask the operator of the gateway to',
    'release it ("sluice queue release ID"); if it is not wanted, ask to delete it.',
    '',
    ...(freshCount > fresh.length ? [`The newest ${fresh.length} of ${freshCount}:`, ''] : []),
    ...fresh.flatMap(messageLines),
    `In all ${count} held for ${domain.name}, the oldest since ${new Date(oldestAt).toISOString()}.`,
  ];
}

const LATE_LINES = [
  'Some of it came while a filter did not answer, and the filter had something against it later. It is in',
  'the quarantine ("sluice quarantine show ID") and goes after a time if nobody releases it.',
  '',
];

function messageLines({ entry, hold }: Held): string[] {
  const { recipients } = entry;
  const named = recipients.slice(0, LISTED_RECIPIENTS).map(({ address }) => formatAddress(address));
  const more =
    recipients.length > named.length ? ` and ${recipients.length - named.length} more` : '';
  return [
    `${entry.id}  came ${new Date(entry.queuedAt).toISOString()}, ${entry.sizeBytes} bytes`,
    `    from ${entry.reversePath === null ? '<>' : pathText(entry.reversePath)}`,
    `    to   ${named.join(', ')}${more}`,
    `    why  ${hold.reason}: ${hold.text}`,
    '',
  ];
}
