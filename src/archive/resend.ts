/**
 * A message of the archive sent once more, to its recipients or to others: as one message of its own in
 * the queue, on which nobody is ever reported to. It is stored in one step, wherever they are: after a
 * crash or for want of room it goes to all of them or to none. Asked for the same again within an hour it
 * says what went out then, for the first answer may have been lost, unless it is told to send anyway.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Ids } from '../base/ids.ts';
import { messageId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Address } from '../mail/address.ts';
import { formatAddress, parseAddress } from '../mail/address.ts';
import type { Archived } from '../mail/archived-mail.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import { domainOfLane } from '../mail/split-lane.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import type { TtlMap } from '../store/ttl-map.ts';
import type { Archive } from './archive.ts';

export interface ResendOptions {
  readonly archive: Pick<Archive, 'find' | 'content'>;
  readonly store: Pick<SpoolStore, 'commit'>;
  readonly map: Pick<TtlMap, 'get' | 'put'>;
  readonly ids: Ids;
  /** The lane of the queue that leads to all of them, for mail of this customer. */
  readonly laneTo: (recipients: readonly Address[], sender: string) => string;
  readonly lifetimeMs: (lane: string) => number;
  readonly wake: (lane: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Resent {
  readonly id: string;
  /** It went out then, and not now. */
  readonly before?: number;
}

export interface ResendWish {
  readonly id: string;
  /** Nobody: those who had it. */
  readonly to: readonly Address[];
  readonly by: string;
  /** Although the same went out a moment ago. */
  readonly anyway: boolean;
}

type Result = Resent | 'not found' | 'no recipients';

const NAMESPACE = 'resent';
const REMEMBER_MS = 60 * 60_000;

export class Resend {
  readonly #options: ResendOptions;
  /** By what is sent to whom. */
  readonly #underWay = new Map<string, Promise<Result>>();

  constructor(options: ResendOptions) {
    this.#options = options;
  }

  /** Rejects when the store does, such as for want of room. */
  async again({ id, to, by, anyway }: ResendWish): Promise<Result> {
    const mail = await this.#options.archive.find(id);
    if (mail === undefined) return 'not found';
    const recipients = to.length > 0 ? to : mail.rcpts.flatMap((rcpt) => addressIn(rcpt) ?? []);
    if (recipients.length === 0) return 'no recipients';
    const key = keyOf(id, recipients);
    if (anyway) return this.#send(key, mail, recipients, by);
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const sending = this.#sendOnce(key, mail, recipients, by);
    this.#underWay.set(key, sending);
    try {
      return await sending;
    } finally {
      this.#underWay.delete(key);
    }
  }

  async #sendOnce(
    key: string,
    mail: Archived,
    recipients: readonly Address[],
    by: string,
  ): Promise<Result> {
    const noted = await this.#options.map.get(NAMESPACE, key);
    return (noted && decode(noted.value)) ?? this.#send(key, mail, recipients, by);
  }

  async #send(
    key: string,
    mail: Archived,
    recipients: readonly Address[],
    by: string,
  ): Promise<Result> {
    const { archive, store, ids, laneTo, lifetimeMs, wake, clock, log } = this.#options;
    const { id } = mail;
    const dest = laneTo(recipients, mail.domain);
    const now = clock.now();
    const entry: SpoolEntry = {
      v: 1,
      id: messageId(ids.session(), 1),
      dest,
      direction: 'out',
      reversePath: addressIn(mail.from) ?? null,
      parameters: mail.parameters,
      recipients: recipients.map((address) => ({ address, parameters: { notify: 'NEVER' } })),
      sizeBytes: mail.size,
      queuedAt: now,
      expiresAt: now + lifetimeMs(dest),
      attempts: 0,
      senderProven: true,
      maybeDelivered: false,
      account: mail.account,
      client: { address: mail.client, hello: '' },
    };
    const content = { sizeBytes: mail.size, read: () => archive.content(id) };
    await store.commit(entry, now, content);
    await this.#note(key, { id: entry.id, before: now });
    const named = recipients.map((address) => formatAddress(address));
    const facts = { id: entry.id, orig: id, dest: domainOfLane(dest), to: named, who: by };
    log.emit('archive.resend', facts);
    wake(dest);
    return { id: entry.id };
  }

  /** It has gone out: that this could not be noted must not say otherwise. */
  async #note(key: string, sent: Resent): Promise<void> {
    const { map, log } = this.#options;
    try {
      await map.put(NAMESPACE, key, Buffer.from(JSON.stringify(sent)), REMEMBER_MS);
    } catch (error) {
      log.emit('store.error', { id: sent.id, err: errorText(error) });
    }
  }
}

/** A message, and all to whom it goes in whatever order. */
function keyOf(id: string, recipients: readonly Address[]): string {
  const named = recipients.map((address) => formatAddress(address)).sort();
  return `${id} ${createHash('sha256').update(JSON.stringify(named)).digest('hex')}`;
}

/** A note that cannot be read is none. */
function decode(bytes: Uint8Array): Resent | undefined {
  try {
    const { id, before } = JSON.parse(Buffer.from(bytes).toString()) as Partial<Resent>; // stored by us
    return typeof id === 'string' && typeof before === 'number' ? { id, before } : undefined;
  } catch {
    return undefined;
  }
}

function addressIn(text: string): Address | undefined {
  const parsed = parseAddress(text);
  return parsed.ok ? parsed.value : undefined;
}
