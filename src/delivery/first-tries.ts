/**
 * Greylisting that does not say so: a destination at work puts off who writes to somebody for the
 * first time, and takes the same mail a little later. Told from the pairs of sender and recipient
 * alone, by what sets it apart from everything else that makes a server say 4xx: it took other mail
 * shortly before, pairs it knows are not put off meanwhile, and hardly any newcomer is taken at once.
 * Kept in memory; after a restart every pair counts as new, which finds less and never too much.
 */
import { hash } from 'node:crypto';
import { replyText } from '../mail/outcome.ts';
import { isPutOff } from '../mail/reply.ts';
import type { Reply } from '../mail/reply.ts';
import { hindranceIn } from './hindrance-signs.ts';

/** What became of one recipient of an attempt. */
export interface Tried {
  readonly sender: string;
  readonly recipient: string;
  /** Undefined: taken. */
  readonly putOff: Reply | undefined;
}

interface Waiting {
  readonly since: number;
  readonly text: string;
  /** The destination was at work then. */
  readonly amidMail: boolean;
}

interface Book {
  /** `known`, or put off at its first try. */
  readonly pairs: Map<string, Waiting | 'known'>;
  takenAt: number;
  knownPutOffAt: number;
  /** When newcomers were taken, at once or after they had been put off; the latest of them. */
  atOnce: readonly number[];
  later: readonly number[];
}

const MINUTE_MS = 60_000;
const WEEK_MS = 7 * 24 * 60 * MINUTE_MS;
/** It was at work when it took something so shortly before. */
const AT_WORK_MS = 10 * MINUTE_MS;
/** Greylisting lets a sender wait for some minutes, seldom for an hour. */
const LEAST_MS = 10_000;
const MOST_MS = 90 * MINUTE_MS;
const NEEDED = 3;
/** Of newcomers taken later, at most one as many may be taken at once. */
const AT_ONCE_SHARE = 4;
const KEPT = 20;
/** Of one destination, and of all; those seen longest ago are forgotten. */
const MAX_PAIRS = 2000;
const MAX_BOOKS = 250;
const MAX_TEXT = 200;
/** Longer pairs are known by their hash, so that memory is bounded; hashing each one is dear. */
const MAX_PLAIN = 100;

export class FirstTries {
  readonly #books = new Map<string, Book>();

  /** What it said at first, when this attempt completes the picture of one that greylists. */
  see(destination: string, { sender, recipient, putOff }: Tried, now: number): string | undefined {
    const book = this.#of(destination);
    const pair = pairKey(sender, recipient);
    const before = book.pairs.get(pair);
    if (putOff !== undefined) {
      if (!isSilent(putOff)) return undefined;
      if (before === 'known') book.knownPutOffAt = now;
      else if (before === undefined) {
        const amidMail = now - book.takenAt <= AT_WORK_MS;
        const text = replyText(putOff).slice(0, MAX_TEXT);
        keep(book.pairs, pair, { since: now, text, amidMail }, MAX_PAIRS);
      }
      return undefined;
    }
    book.takenAt = now;
    keep(book.pairs, pair, 'known', MAX_PAIRS);
    if (before === 'known') return undefined;
    if (before === undefined) {
      book.atOnce = latest(book.atOnce, now);
      return undefined;
    }
    const waitedMs = now - before.since;
    const knownWerePutOff = book.knownPutOffAt >= before.since - AT_WORK_MS;
    if (!before.amidMail || knownWerePutOff || waitedMs < LEAST_MS || waitedMs > MOST_MS)
      return undefined;
    book.later = latest(book.later, now);
    const isWhole = book.later.length >= NEEDED;
    return isWhole && book.atOnce.length * AT_ONCE_SHARE <= book.later.length
      ? before.text
      : undefined;
  }

  #of(destination: string): Book {
    const book = this.#books.get(destination) ?? {
      pairs: new Map<string, Waiting | 'known'>(),
      ...{ takenAt: -Infinity, knownPutOffAt: -Infinity, atOnce: [], later: [] },
    };
    keep(this.#books, destination, book, MAX_BOOKS);
    return book;
  }
}

/** No hash holds a line end, so none is taken for the name of a pair. */
function pairKey(sender: string, recipient: string): string {
  const pair = `${sender}\n${recipient}`.toLowerCase();
  return pair.length <= MAX_PLAIN ? pair : hash('sha1', pair, 'base64');
}

/** Not about a mailbox, nor a fault of the server's own (RFC 3463 3.3 to 3.6), and without a word of it. */
function isSilent(reply: Reply): boolean {
  if (!isPutOff(reply)) return false;
  if (/^4\.(?:[235]\.|1\.1)/.test(reply.enhanced ?? '')) return false;
  return hindranceIn(reply) === undefined;
}

function latest(times: readonly number[], now: number): readonly number[] {
  return [...times.filter((at) => now - at < WEEK_MS), now].slice(-KEPT);
}

/** Puts an entry at the end of a map that is in the order of use. */
function keep<T>(map: Map<string, T>, key: string, value: T, max: number): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.size > max ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
}
