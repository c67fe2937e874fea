/**
 * A message of the archive sent once more, to its recipients or to others: as a message of its own in
 * the queue, for each destination one, on which nobody is ever reported to.
 */
import type { Clock } from '../base/clock.ts';
import type { Ids } from '../base/ids.ts';
import { messageId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Address } from '../mail/address.ts';
import { formatAddress, parseAddress } from '../mail/address.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { SpoolStore } from '../store/spool-store.ts';
import type { Archive } from './archive.ts';

export interface ResendOptions {
  readonly archive: Pick<Archive, 'find' | 'content'>;
  readonly store: Pick<SpoolStore, 'commit'>;
  readonly ids: Ids;
  /** The lane of the queue that leads to an address. */
  readonly laneOf: (address: Address) => string;
  readonly lifetimeMs: (lane: string) => number;
  readonly wake: (lane: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export type Resent = { readonly ids: readonly string[] } | 'not found' | 'no recipients';

export class Resend {
  readonly #options: ResendOptions;

  constructor(options: ResendOptions) {
    this.#options = options;
  }

  /** Rejects when the store does, such as for want of room; what was stored before that goes out. */
  async again(id: string, to: readonly Address[], by: string): Promise<Resent> {
    const { archive, store, ids, laneOf, lifetimeMs, wake, clock, log } = this.#options;
    const mail = await archive.find(id);
    if (mail === undefined) return 'not found';
    const recipients = to.length > 0 ? to : mail.rcpts.flatMap((rcpt) => addressIn(rcpt) ?? []);
    if (recipients.length === 0) return 'no recipients';
    const made: string[] = [];
    for (const [dest, ofLane] of Map.groupBy(recipients, laneOf)) {
      const now = clock.now();
      const entry: SpoolEntry = {
        v: 1,
        id: messageId(ids.session(), 1),
        dest,
        direction: 'out',
        reversePath: addressIn(mail.from) ?? null,
        parameters: mail.parameters,
        recipients: ofLane.map((address) => ({ address, parameters: { notify: 'NEVER' } })),
        sizeBytes: mail.size,
        queuedAt: now,
        expiresAt: now + lifetimeMs(dest),
        attempts: 0,
        senderProven: true,
        maybeDelivered: false,
        client: { address: mail.client, hello: '' },
      };
      const content = { sizeBytes: mail.size, read: () => archive.content(id) };
      await store.commit(entry, now, content);
      const named = ofLane.map((address) => formatAddress(address));
      log.emit('archive.resend', { id: entry.id, orig: id, dest, to: named, who: by });
      wake(dest);
      made.push(entry.id);
    }
    return { ids: made };
  }
}

function addressIn(text: string): Address | undefined {
  const parsed = parseAddress(text);
  return parsed.ok ? parsed.value : undefined;
}
