/**
 * Messages that the gateway writes itself, reports and notices: from the null reverse-path, to one
 * person, never reported on (RFC 3461 6.1), and durable before anybody counts on them.
 */
import { CodedError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Address } from '../mail/address.ts';
import { memoryContent } from '../mail/content.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { NewMail, SpoolStore } from '../store/spool-store.ts';

export interface OwnMessage {
  readonly id: string;
  /** The lane that leads to `to`. */
  readonly dest: string;
  readonly to: Address;
  readonly hostname: string;
  readonly bytes: Uint8Array;
  /** Needs SMTPUTF8. */
  readonly isUtf8: boolean;
  /** Needs 8BITMIME. */
  readonly isEightBit: boolean;
  /** What it is about must not go without TLS. */
  readonly requireTls?: boolean;
  readonly at: number;
  readonly lifetimeMs: number;
}

/** Its client has no address: nobody sent it to us. */
export function isOwnMail({ reversePath, client }: SpoolEntry): boolean {
  return reversePath === null && client.address === '';
}

export interface OwnStorage {
  readonly store: Pick<SpoolStore, 'commit'>;
  /** Puts signatures on top, where there can be any; without it there are none. */
  readonly sign?: ((bytes: Uint8Array) => Promise<Uint8Array>) | undefined;
  readonly log: Log;
}

/** As it comes into the spool. */
export async function ownMail(sign: OwnStorage['sign'], message: OwnMessage): Promise<NewMail> {
  const bytes = (await sign?.(message.bytes)) ?? message.bytes;
  const entry = entryOf({ ...message, bytes });
  return { entry, dueAt: message.at, content: memoryContent([bytes]) };
}

/** Whether it is in the spool; false when there is no room. Rejects when the store failed. */
export async function storeMail(
  { store, log }: Omit<OwnStorage, 'sign'>,
  { entry, dueAt, content }: NewMail,
): Promise<boolean> {
  const { id } = entry;
  try {
    await store.commit(entry, dueAt, content);
    return true;
  } catch (error) {
    if (!(error instanceof CodedError && error.code === 'STORE_FULL')) throw error;
    log.emit('store.full', { id, err: errorText(error) });
    return false;
  }
}

function entryOf(message: OwnMessage): SpoolEntry {
  const { id, dest, to, hostname, bytes, isUtf8, isEightBit, requireTls, at } = message;
  return {
    v: 1,
    id,
    dest,
    direction: 'out',
    reversePath: null,
    parameters: {
      ...(isEightBit && { body: '8BITMIME' as const }),
      ...(isUtf8 && { smtpUtf8: true }),
      ...(requireTls === true && { requireTls }),
    },
    recipients: [{ address: to, parameters: { notify: 'NEVER' } }],
    sizeBytes: bytes.length,
    queuedAt: at,
    expiresAt: at + message.lifetimeMs,
    attempts: 0,
    senderProven: false,
    maybeDelivered: false,
    client: { address: '', hello: hostname },
  };
}
