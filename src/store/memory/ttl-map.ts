/** The TtlMap in memory: the model of the contract, and a store for what need not survive. */
import type { Clock } from '../../base/clock.ts';
import { checkNamespace } from '../ttl-map.ts';
import type { TtlEntry, TtlMap } from '../ttl-map.ts';

export class MemoryTtlMap implements TtlMap {
  readonly #clock: Clock;
  readonly #namespaces = new Map<string, Map<string, TtlEntry>>();

  constructor(options: { readonly clock: Clock }) {
    this.#clock = options.clock;
  }

  async get(namespace: string, key: string): Promise<TtlEntry | undefined> {
    return this.#live(this.#entries(namespace).get(key));
  }

  async put(namespace: string, key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    const entry = { value: value.slice(), expiresAt: Math.floor(this.#clock.now() + ttlMs) };
    this.#entries(namespace).set(key, entry);
  }

  async putIfAbsent(
    namespace: string,
    key: string,
    value: Uint8Array,
    ttlMs: number,
  ): Promise<TtlEntry> {
    const there = this.#live(this.#entries(namespace).get(key));
    if (there !== undefined) return there;
    const entry = { value: value.slice(), expiresAt: Math.floor(this.#clock.now() + ttlMs) };
    this.#entries(namespace).set(key, entry);
    return entry;
  }

  async delete(namespace: string, key: string): Promise<boolean> {
    const entries = this.#entries(namespace);
    const there = this.#live(entries.get(key)) !== undefined;
    entries.delete(key);
    return there;
  }

  async list(
    namespace: string,
    options: { prefix?: string; after?: string; limit: number },
  ): Promise<{ key: string; entry: TtlEntry }[]> {
    const { prefix = '', after, limit } = options;
    return [...this.#entries(namespace)]
      .map(([key, entry]) => ({ key, entry }))
      .filter(({ key, entry }) => key.startsWith(prefix) && this.#live(entry) !== undefined)
      .filter(({ key }) => after === undefined || compareBytes(key, after) > 0)
      .sort((a, b) => compareBytes(a.key, b.key))
      .slice(0, Math.max(limit, 0));
  }

  async sweep(max: number): Promise<number> {
    let swept = 0;
    for (const entries of this.#namespaces.values()) {
      for (const [key, entry] of entries) {
        if (swept >= max) return swept;
        if (this.#live(entry) === undefined && entries.delete(key)) swept++;
      }
    }
    return swept;
  }

  #entries(namespace: string): Map<string, TtlEntry> {
    let entries = this.#namespaces.get(checkNamespace(namespace));
    if (entries === undefined) this.#namespaces.set(namespace, (entries = new Map()));
    return entries;
  }

  #live(entry: TtlEntry | undefined): TtlEntry | undefined {
    return entry !== undefined && entry.expiresAt > this.#clock.now() ? entry : undefined;
  }
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
