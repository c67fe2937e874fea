/**
 * A message of the archive sent once more, to its recipients or to others: as one message of its own in
 * the queue, on which nobody is ever reported to. It is stored in one step, wherever they are: after a
 * crash or for want of room it goes to all of them or to none.
 */
import type { Clock } from '../base/clock.ts';
import type { Ids } from '../base/ids.ts';
import { messageId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Address } from '../mail/address.ts';
import { formatAddress, parseAddress } from '../mail/address.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import { domainOfLane } from '../mail/split-lane.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import type { Archive } from './archive.ts';

export interface ResendOptions {
  readonly archive: Pick<Archive, 'find' | 'content'>;
  readonly store: Pick<SpoolStore, 'commit'>;
  readonly ids: Ids;
  /** The lane of the queue that leads to all of them, for mail of this customer. */
  readonly laneTo: (recipients: readonly Address[], sender: string) => string;
  readonly lifetimeMs: (lane: string) => number;
  readonly wake: (lane: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export type Resent = { readonly id: string } | 'not found' | 'no recipients';

export class Resend {
  readonly #options: ResendOptions;

  constructor(options: ResendOptions) {
    this.#options = options;
  }

  /** Rejects when the store does, such as for want of room. */
  async again(id: string, to: readonly Address[], by: string): Promise<Resent> {
    const { archive, store, ids, laneTo, lifetimeMs, wake, clock, log } = this.#options;
    const mail = await archive.find(id);
    if (mail === undefined) return 'not found';
    const recipients = to.length > 0 ? to : mail.rcpts.flatMap((rcpt) => addressIn(rcpt) ?? []);
    if (recipients.length === 0) return 'no recipients';
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
    const named = recipients.map((address) => formatAddress(address));
    const facts = { id: entry.id, orig: id, dest: domainOfLane(dest), to: named, who: by };
    log.emit('archive.resend', facts);
    wake(dest);
    return { id: entry.id };
  }
}

function addressIn(text: string): Address | undefined {
  const parsed = parseAddress(text);
  return parsed.ok ? parsed.value : undefined;
}
