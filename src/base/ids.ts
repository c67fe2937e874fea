/**
 * Ids and randomness, the only door to them.
 *
 * A session id is 10 characters of Crockford base32: 41 bits of milliseconds since 2026 and a 9-bit
 * counter, so ids sort by time. None is ever given twice: within a process they only rise, and ids
 * that outlive it are reserved in blocks by a durable mark ahead of them, above which the next
 * process begins. A message id is the session id, a dot and the number of the transaction.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { Clock } from './clock.ts';
import { errorText } from './errors.ts';
import type { IdMark } from './id-mark.ts';
import type { Log } from './log.ts';

export type SessionId = string & { readonly brand: 'SessionId' };
export type MessageId = string & { readonly brand: 'MessageId' };

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** Two digits at once, of ten bits. */
const PAIRS: readonly string[] = Array.from(
  { length: 32 ** 2 },
  (_, value) => ALPHABET.charAt(value >> 5) + ALPHABET.charAt(value & 31),
);
const EPOCH = Date.UTC(2026, 0, 1);
const IDS_PER_MS = 512;
/** The clock beyond what an id can say (2095), which is wrong, is not followed. */
const MAX_ID = 32 ** 10 - 1;
const SESSION_CHARS = 10;
const MAX_MS = 2 ** 41 - 1;
/** With a part's number: mail for several destinations, parted (delivery/fan-out.ts). */
const MESSAGE_ID = /^[0-9A-HJKMNP-TV-Z]{10}\.[0-9]{1,6}(?:-[0-9]{1,12})?$/;

/** Reserved ahead of the clock: a few small writes a day. */
const RESERVED_MS = 3_600_000;
/** Reserved at least, for ids that are ahead of the clock and rise by count. */
const RESERVED_IDS = 2 ** 20;
/** After a mark that could not be written, before it is tried again. */
const RETRY_MS = 10_000;

export interface Ids {
  session(): SessionId;
}

/** Ids of one process that are of no use after it. */
export function createIds(clock: Clock): Ids {
  let last = 0;
  return {
    session() {
      // More than 512 in a millisecond borrow from the next one: unique beats exact.
      last = Math.max(last + 1, timed(clock));
      return encode(last);
    },
  };
}

/**
 * Ids that are never given again, by no later process either. When a mark cannot be written, the log
 * says so and ids go on: half a million are still reserved, and a disk like that ends the gateway
 * sooner.
 */
export class DurableIds implements Ids {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #mark: IdMark;
  #last: number;
  #raising: Promise<void> | undefined;
  #retryAt = 0;

  private constructor(clock: Clock, log: Log, mark: IdMark) {
    this.#clock = clock;
    this.#log = log;
    this.#mark = mark;
    this.#last = mark.value;
  }

  /** Rejects when the first block cannot be reserved. */
  static async open(clock: Clock, log: Log, mark: IdMark): Promise<DurableIds> {
    const ids = new DurableIds(clock, log, mark);
    await mark.raise(ids.#ahead());
    return ids;
  }

  session(): SessionId {
    const now = timed(this.#clock);
    const { value } = this.#mark;
    // Not beyond what is reserved, even if the clock has jumped there.
    this.#last = now > this.#last && now < value ? now : this.#last + 1;
    const isLow = value - now < (RESERVED_MS / 2) * IDS_PER_MS;
    if (isLow || value - this.#last < RESERVED_IDS / 2) this.#reserve();
    return encode(this.#last);
  }

  /** Gives back what was reserved and not used; no id may be asked for any more. */
  async close(): Promise<void> {
    await this.#raising;
    // Failing costs nothing: what was reserved stays reserved.
    await this.#mark.raise(this.#last).catch(() => undefined);
  }

  #ahead(): number {
    const byTime = timed(this.#clock) + RESERVED_MS * IDS_PER_MS;
    return Math.max(byTime, this.#last + RESERVED_IDS);
  }

  #reserve(): void {
    if (this.#raising !== undefined || this.#clock.mono() < this.#retryAt) return;
    this.#raising = this.#mark
      .raise(this.#ahead())
      .catch((error: unknown) => {
        this.#retryAt = this.#clock.mono() + RETRY_MS;
        this.#log.emit('store.error', { err: `ids cannot be reserved: ${errorText(error)}` });
      })
      .finally(() => {
        this.#raising = undefined;
      });
  }
}

function timed(clock: Clock): number {
  const id = (clock.now() - EPOCH) * IDS_PER_MS;
  return id >= 0 && id < MAX_ID - RESERVED_MS * IDS_PER_MS ? id : 0;
}

function encode(value: number): SessionId {
  // The number has 50 bits: in two parts that the processor can shift.
  const high = Math.floor(value / 2 ** 20);
  const low = value % 2 ** 20;
  const text = pair(high >> 20) + pair(high >> 10) + pair(high) + pair(low >> 10) + pair(low);
  return text as SessionId; // brand constructor
}

/** The digits of the lowest ten bits. */
function pair(bits: number): string {
  return PAIRS[bits & 1023] ?? '';
}

export function messageId(session: SessionId, transaction: number): MessageId {
  return `${session}.${transaction}` as MessageId; // brand constructor
}

/** The message that a part (`4K7QZ2M9XT.1-100002`) belongs to; any other id is its own. */
export function messageOf(id: string): string {
  const dash = id.indexOf('-');
  return dash < 0 ? id : id.slice(0, dash);
}

/** The session that a message with this id came in. */
export function sessionOf(id: string): string {
  const dot = id.indexOf('.');
  return dot < 0 ? id : id.slice(0, dot);
}

/** In the order in which they came, the parts of one behind it; negative when `a` was first. */
export function compareMessages(a: string, b: string): number {
  if (sessionOf(a) !== sessionOf(b)) return a < b ? -1 : 1;
  const [transaction, part] = numbersOf(a);
  const [otherTransaction, otherPart] = numbersOf(b);
  return transaction - otherTransaction || part - otherPart;
}

function numbersOf(id: string): readonly [number, number] {
  const [transaction, part] = id.slice(id.indexOf('.') + 1).split('-');
  return [Number(transaction), Number(part ?? -1)];
}

/** When the session with this id, or the one of the message with it, was opened; `NaN` for no id. */
export function openedAt(id: string): number {
  let value = 0;
  for (let i = 0; i < SESSION_CHARS; i++) {
    const digit = ALPHABET.indexOf(id.charAt(i));
    if (digit < 0 || i >= id.length) return Number.NaN;
    value = value * 32 + digit;
  }
  return idTime(value);
}

/** When the id with this number, such as the mark of the last one, is of; ms since the Unix epoch. */
export function idTime(value: number): number {
  return Math.floor(value / IDS_PER_MS) + EPOCH;
}

/** The first id that a session opened at `at` can have: bounds a range of ids by time. */
export function firstIdAt(at: number): string {
  return encode(Math.min(Math.max(Math.floor(at) - EPOCH, 0), MAX_MS) * IDS_PER_MS);
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
