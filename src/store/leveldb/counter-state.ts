/**
 * What is stored of one counter key: its bucket of each window, its strikes and its lock, in one
 * value, so that every step on it is one write and an old bucket goes when the next one begins. Pure
 * steps on it; who calls them sees to it that nothing else works on the same key meanwhile.
 */
import { WINDOWS } from '../calendar.ts';
import type { CounterWindow, Span } from '../calendar.ts';
import { FORGET_LOCKS_MS } from '../counter-store.ts';
import type { Counts, Lock, Strike, StrikePolicy } from '../counter-store.ts';
import * as read from './json-shape.ts';
import { decodeProven, encodeProven } from './proven-json.ts';

export interface Bucket extends Span {
  count: number;
}

const VERSION = 1;
/** A clock that is set back by less than so many windows stays in the later one. */
const STAYS_WINDOWS = 2;

export class CounterState {
  buckets = new Map<CounterWindow, Bucket>();
  strikes: number[] = [];
  /** When the last strike does not count any more. */
  strikesUntil = 0;
  storedLock: Lock | undefined;
  autoLocks = 0;

  bucket(window: CounterWindow, span: Span): Bucket {
    const known = this.buckets.get(window);
    if (known?.start === span.start) return known;
    const ahead = known === undefined || known.count === 0 ? -1 : known.start - span.start;
    if (known !== undefined && ahead > 0 && ahead <= STAYS_WINDOWS * (span.end - span.start))
      return known;
    const bucket = { ...span, count: 0 };
    this.buckets.set(window, bucket);
    return bucket;
  }

  counts(now: number): Counts {
    const counts: Partial<Record<CounterWindow, { count: number; endsAt: number }>> = {};
    for (const window of WINDOWS) {
      const { count = 0, end = 0 } = this.buckets.get(window) ?? {};
      if (end > now && count > 0) counts[window] = { count, endsAt: end };
    }
    return counts;
  }

  lock(now: number): Lock | undefined {
    const { storedLock: lock } = this;
    return lock?.until !== undefined && lock.until <= now ? undefined : lock;
  }

  /** Those that still count. */
  autoLocksAt(now: number): number {
    return this.#areForgotten(now) ? 0 : this.autoLocks;
  }

  strike(policy: StrikePolicy, now: number): Strike {
    const on = this.lock(now);
    if (on !== undefined) return { kind: 'already-locked', lock: on };
    this.#forgetLocks(now);
    const { max, windowMs, lockMs, maxAutoUnlocks, by, text } = policy;
    this.strikes = this.strikes.filter((at) => at > now - windowMs);
    this.strikes.push(now);
    this.strikesUntil = now + windowMs;
    if (this.strikes.length <= max) return { kind: 'counted', strikes: this.strikes.length };
    this.strikes = [];
    this.autoLocks++;
    const endsItself = this.autoLocks <= maxAutoUnlocks;
    const lock: Lock = { at: now, ...(endsItself && { until: now + lockMs }), by, text };
    this.storedLock = lock;
    return { kind: 'locked', lock };
  }

  unlock(): void {
    this.storedLock = undefined;
    this.strikes = [];
    this.autoLocks = 0;
  }

  reset(): void {
    this.buckets.clear();
    this.strikes = [];
  }

  /** Nothing of it is on or remembered: it may be forgotten. */
  isOver(now: number): boolean {
    this.#forgetLocks(now);
    return (
      this.storedLock === undefined &&
      (this.strikes.length === 0 || this.strikesUntil <= now) &&
      Object.keys(this.counts(now)).length === 0
    );
  }

  encode(): Buffer {
    const buckets = Object.fromEntries(
      [...this.buckets].map(([window, { start, end, count }]) => [window, [start, end, count]]),
    );
    const { strikes, strikesUntil, storedLock, autoLocks } = this;
    return encodeProven({
      v: VERSION,
      buckets,
      strikes,
      strikesUntil,
      lock: storedLock,
      autoLocks,
    });
  }

  /** Undefined when it is damaged. */
  static decode(stored: Uint8Array): CounterState | undefined {
    return decodeProven(stored, (json) => {
      read.oneOf(json['v'], [VERSION]);
      const state = new CounterState();
      for (const [name, value] of Object.entries(read.object(json['buckets']))) {
        const [start = NaN, end = NaN, count = NaN] = read.list(value, read.number);
        state.buckets.set(read.oneOf(name, WINDOWS), { start, end, count: read.count(count) });
      }
      state.strikes = read.list(json['strikes'], read.number);
      state.strikesUntil = read.number(json['strikesUntil']);
      state.storedLock = read.optional(json['lock'], (value) => lockOf(read.object(value)));
      state.autoLocks = read.count(json['autoLocks']);
      return state;
    });
  }

  /** Locks that are long over do not count towards the next ones. */
  #areForgotten(now: number): boolean {
    const until = this.storedLock?.until;
    return until !== undefined && until + FORGET_LOCKS_MS <= now;
  }

  #forgetLocks(now: number): void {
    if (!this.#areForgotten(now)) return;
    this.storedLock = undefined;
    this.autoLocks = 0;
  }
}

function lockOf(json: read.Json): Lock {
  return {
    at: read.number(json['at']),
    ...read.defined({ until: read.optional(json['until'], read.number) }),
    by: read.text(json['by']),
    text: read.text(json['text']),
  };
}
