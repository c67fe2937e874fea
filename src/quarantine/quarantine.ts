/**
 * What filters keep back until a person decides or its time is over: found, released, deleted. It lies
 * in the spool as held mail does, but is no part of the queue: nothing but this room lets it go. A
 * release is for all recipients or for one; a recipient who is released alone gets a message of his
 * own, which comes in the step that takes him from the other. Steps follow each other, so that what was just released is
 * not deleted by one that looked before. Nobody is ever told: senders of such mail are often forged.
 */
import type { Clock } from '../base/clock.ts';
import { CodedError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { paged } from '../base/paged.ts';
import { sessionOf } from '../base/ids.ts';
import type { Address } from '../mail/address.ts';
import { formatAddress, pathText } from '../mail/address.ts';
import type { Asked, SpooledRecipient, SpoolEntry } from '../mail/spool-entry.ts';
import { isQuarantined } from '../mail/spool-entry.ts';
import { domainOfLane } from '../mail/split-lane.ts';
import type { NewMail, SpoolStore } from '../store/spool-store.ts';
import { partNumbers } from './part-number.ts';

export interface QuarantineOptions {
  readonly store: Pick<SpoolStore, 'scan' | 'get' | 'administer' | 'readContent' | 'quarantined'>;
  readonly keepMs: () => number;
  /** How long delivery of a message that is released is tried. */
  readonly lifetimeMs: (lane: string) => number;
  readonly wake: (lane: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface QuarantinedMessage {
  readonly entry: SpoolEntry;
  /** When it goes if nobody releases it. */
  readonly expiresAt: number;
}

export type QuarantineResult =
  | 'released'
  | 'deleted'
  | 'asked'
  | 'not found'
  /** The one it shall be released to. */
  | 'no such recipient'
  | 'no room'
  | 'damaged'
  | 'busy';

export class Quarantine {
  readonly #options: QuarantineOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: QuarantineOptions) {
    this.#options = options;
  }

  totals(): { readonly messages: number; readonly bytes: number } {
    return this.#options.store.quarantined();
  }

  /** All of it, oldest first. */
  async *list(): AsyncGenerator<QuarantinedMessage> {
    const { store } = this.#options;
    const held = paged(
      (page) => store.scan({ ...page, only: 'held' }),
      ({ entry }) => entry.id,
    );
    for await (const { entry } of held) if (isQuarantined(entry)) yield this.#message(entry);
  }

  /** Rejects with STORE_DAMAGED when its record is damaged. */
  async find(id: string): Promise<QuarantinedMessage | undefined> {
    const found = await this.#options.store.get(id);
    return found && isQuarantined(found.entry) ? this.#message(found.entry) : undefined;
  }

  content(id: string): AsyncIterable<Uint8Array> {
    return this.#options.store.readContent(id);
  }

  /** Into the queue, to be delivered at once; `to` alone when it is given. */
  release(id: string, by: string, to?: Address): Promise<QuarantineResult> {
    return this.#alone(id, async ({ entry }) => {
      const wanted = to && recipientOf(entry, to);
      if (to !== undefined && wanted === undefined) return 'no such recipient';
      return wanted === undefined || entry.recipients.length === 1
        ? this.#releaseAll(entry, by)
        : this.#releaseOne(entry, wanted, by);
    });
  }

  delete(id: string, by: string, why: string): Promise<QuarantineResult> {
    return this.#alone(id, async ({ entry }) => {
      if (!(await this.#remove(entry))) return 'busy';
      this.#note('quar.delete', entry, { who: by, ...(why !== '' && { text: why }) });
      this.#done(entry, 'deleted');
      return 'deleted';
    });
  }

  /** Notes that somebody wants it released: the first who does. */
  ask(id: string, { by, mail }: Omit<Asked, 'at'>): Promise<QuarantineResult> {
    const { store, clock } = this.#options;
    return this.#alone(id, async ({ entry }) => {
      const { hold } = entry;
      if (hold?.quarantine === undefined || hold.quarantine.asked !== undefined) return 'asked';
      const quarantine = { ...hold.quarantine, asked: { at: clock.now(), by, mail } };
      if (!(await store.administer(id, { kind: 'hold', hold: { ...hold, quarantine } })))
        return 'busy';
      this.#note('quar.ask', entry, { by, mail });
      return 'asked';
    });
  }

  /**
   * A report about it, in the step that notes that it was made: whenever the process dies there is one.
   * `draw` makes none where nobody is to hear of it, which is noted as well.
   */
  report(
    id: string,
    draw: (entry: SpoolEntry) => Promise<{ mail: NewMail; stored: () => void } | undefined>,
  ): Promise<unknown> {
    const { store } = this.#options;
    return this.#alone(id, async ({ entry: { hold, ...entry } }) => {
      if (hold?.quarantine === undefined || hold.quarantine.isReported === true) return;
      const report = await draw({ ...entry, hold });
      const quarantine = { ...hold.quarantine, isReported: true };
      const step = { kind: 'hold', hold: { ...hold, quarantine } } as const;
      const mail = report === undefined ? [] : [report.mail];
      if (await store.administer(id, step, mail)) report?.stored();
    });
  }

  /** Deletes what has been kept long enough. */
  async expire(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    if (this.totals().messages === 0) return;
    for await (const { entry, expiresAt } of this.list()) {
      if (signal.aborted) return;
      if (expiresAt > clock.now()) continue;
      await this.#alone(entry.id, async (message) => {
        if (message.expiresAt > clock.now() || !(await this.#remove(message.entry))) return 'busy';
        this.#note('quar.expire', entry, { age: this.#age(entry) });
        this.#done(entry, 'deleted');
        return 'deleted';
      });
    }
  }

  async #releaseAll(entry: SpoolEntry, by: string): Promise<QuarantineResult> {
    const { store, wake } = this.#options;
    const expiresAt = this.#newEnd(entry);
    if (!(await store.administer(entry.id, { kind: 'due', release: true, expiresAt })))
      return 'busy';
    this.#note('quar.release', entry, { who: by });
    wake(entry.dest);
    return 'released';
  }

  async #releaseOne(
    entry: SpoolEntry,
    recipient: SpooledRecipient,
    by: string,
  ): Promise<QuarantineResult> {
    const { store, clock, log, wake } = this.#options;
    const { hold: _hold, ...rest } = entry;
    const id = await this.#partId(entry, recipient);
    const part = { ...rest, id, recipients: [recipient], expiresAt: this.#newEnd(entry) };
    const content = { sizeBytes: entry.sizeBytes, read: () => store.readContent(entry.id) };
    const mail = [{ entry: part, dueAt: clock.now(), content }];
    const step = { kind: 'part', recipients: [recipient.address] } as const;
    try {
      if (!(await store.administer(entry.id, step, mail))) return 'busy';
    } catch (error) {
      const code = error instanceof CodedError ? error.code : undefined;
      if (code !== 'STORE_FULL' && code !== 'STORE_DAMAGED') throw error;
      const isFull = code === 'STORE_FULL';
      this.#note(isFull ? 'store.full' : 'store.error', entry, { err: errorText(error) });
      return isFull ? 'no room' : 'damaged';
    }
    const to = formatAddress(recipient.address);
    log.emit('msg.part', {
      id,
      sid: sessionOf(id),
      orig: entry.id,
      dest: domainOfLane(entry.dest),
      to: [to],
    });
    this.#note('quar.release', entry, { who: by, to });
    wake(entry.dest);
    return 'released';
  }

  /** The same for the same recipient: an earlier version may have stored his before it took him away. */
  async #partId({ id }: SpoolEntry, { address }: SpooledRecipient): Promise<string> {
    const whole = id.replace(/-\d+$/, '');
    for (const number of partNumbers(formatAddress(address))) {
      const found = await this.#options.store.get(`${whole}-${number}`);
      const name = formatAddress(address);
      if (found?.entry.recipients.every((one) => formatAddress(one.address) === name) ?? true)
        return `${whole}-${number}`;
    }
    throw new TypeError('numbers without end have ended');
  }

  /** Runs a step on a message that is in quarantine, when those before it are done. */
  #alone<T>(
    id: string,
    step: (message: QuarantinedMessage) => Promise<T>,
  ): Promise<T | 'not found' | 'damaged'> {
    const run = this.#last.then(async (): Promise<T | 'not found' | 'damaged'> => {
      const message = await this.find(id).catch(damaged);
      if (message === 'damaged') return message;
      return message === undefined ? 'not found' : step(message);
    });
    this.#last = run.catch(() => undefined); // its own caller hears of it
    return run;
  }

  #remove({ id }: SpoolEntry): Promise<boolean> {
    return this.#options.store.administer(id, { kind: 'remove' });
  }

  /** Its lifetime may be over: whoever releases it wants it to be tried. */
  #newEnd({ expiresAt, dest }: SpoolEntry): number {
    const { clock, lifetimeMs } = this.#options;
    return Math.max(expiresAt, clock.now() + lifetimeMs(dest));
  }

  #message(entry: SpoolEntry): QuarantinedMessage {
    const keptSince = entry.hold?.at ?? entry.queuedAt;
    return { entry, expiresAt: keptSince + this.#options.keepMs() };
  }

  #note(
    evt: 'quar.ask' | 'quar.release' | 'quar.delete' | 'quar.expire' | 'store.full' | 'store.error',
    { id, hold }: SpoolEntry,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    this.#options.log.emit(evt, { id, sid: sessionOf(id), why: hold?.reason, ...fields });
  }

  #done(entry: SpoolEntry, res: 'deleted'): void {
    const { id, attempts } = entry;
    const delay = this.#age(entry);
    const mail = { from: pathText(entry.reversePath), size: entry.sizeBytes };
    const { log } = this.#options;
    log.emit('msg.done', { id, sid: sessionOf(id), ...mail, res, delay, tries: attempts });
  }

  #age({ queuedAt }: SpoolEntry): number {
    return Math.max(0, this.#options.clock.now() - queuedAt) / 1000;
  }
}

/** As it is written, else whatever its letter case. */
function recipientOf({ recipients }: SpoolEntry, to: Address): SpooledRecipient | undefined {
  const wanted = formatAddress(to);
  const named = recipients.map((one) => ({ one, name: formatAddress(one.address) }));
  const found =
    named.find(({ name }) => name === wanted) ??
    named.find(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  return found?.one;
}

/** For a `catch`: a damaged record as a word, every other fault as it is. */
export function damaged(error: unknown): 'damaged' {
  if (error instanceof CodedError && error.code === 'STORE_DAMAGED') return 'damaged';
  throw error;
}
