/**
 * Ids and randomness, the only door to them.
 *
 * A session id is 10 characters of Crockford base32: 41 bits of milliseconds since 2026 and a 9-bit
 * counter, so ids sort by time and are never used twice while the clock does not run backwards
 * across a restart. A message id is the session id, a dot and the number of the transaction.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { Clock } from './clock.ts';

export type SessionId = string & { readonly brand: 'SessionId' };
export type MessageId = string & { readonly brand: 'MessageId' };

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const EPOCH = Date.UTC(2026, 0, 1);
const IDS_PER_MS = 512;
const MESSAGE_ID = /^[0-9A-HJKMNP-TV-Z]{10}\.[0-9]{1,6}$/;

export interface Ids {
  session(): SessionId;
}

export function createIds(clock: Clock): Ids {
  let last = 0;
  return {
    session() {
      // More than 512 in a millisecond borrow from the next one: unique beats exact.
      last = Math.max(last + 1, (clock.now() - EPOCH) * IDS_PER_MS);
      return encode(last);
    },
  };
}

function encode(value: number): SessionId {
  let rest = value;
  let text = '';
  for (let i = 0; i < 10; i++) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text as SessionId; // brand constructor
}

export function messageId(session: SessionId, transaction: number): MessageId {
  return `${session}.${transaction}` as MessageId; // brand constructor
}

/** Takes an id from outside (command line, API, store key); undefined when it cannot be one. */
export function parseMessageId(text: string): MessageId | undefined {
  return MESSAGE_ID.test(text) ? (text as MessageId) : undefined; // brand constructor
}

/** A random token of `bytes` random bytes, in hexadecimal. */
export function randomToken(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

/** A factor in [1 - spread, 1 + spread), for intervals that must not march in step. */
export function jitter(spread: number): number {
  return 1 + (randomInt(2_000_000) / 1_000_000 - 1) * spread;
}
