/**
 * How much of something came from each of many in the last while: a bucket per key that is filled by
 * one and leaks at a steady rate, which is the caller's. Bounded: of very many keys, the ones filled longest ago are
 * forgotten first. In memory alone: a restart forgives.
 */
import type { Clock } from './clock.ts';

const HOUR_MS = 3_600_000;

interface Bucket {
  readonly level: number;
  readonly at: number;
}

export class LeakyBuckets {
  readonly #clock: Clock;
  readonly #maxKeys: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, maxKeys: number) {
    this.#clock = clock;
    this.#maxKeys = maxKeys;
  }

  /** How full it is now, when so many leak out in an hour. */
  level(key: string, perHour: number): number {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return 0;
    const leaked = ((this.#clock.mono() - bucket.at) * perHour) / HOUR_MS;
    return Math.max(0, bucket.level - leaked);
  }

  /** Whether a bucket of this size has room for one more: what leaks in a moment makes none. */
  hasRoom(key: string, perHour: number, size: number): boolean {
    return this.level(key, perHour) <= size - 1;
  }

  /** Puts one in; it holds no more than `brim`. How full it is then. */
  add(key: string, perHour: number, brim: number): number {
    const level = Math.min(this.level(key, perHour) + 1, brim);
    // Taken out and put in again: the map's order is the order of filling.
    this.#buckets.delete(key);
    if (this.#buckets.size >= this.#maxKeys) {
      const oldest = this.#buckets.keys().next();
      if (oldest.done !== true) this.#buckets.delete(oldest.value);
    }
    this.#buckets.set(key, { level, at: this.#clock.mono() });
    return level;
  }
}
