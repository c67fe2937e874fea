/**
 * Small values that are forgotten after a time: recipient memory, later greylisting and caches.
 * Durable on a best-effort basis (losing one costs a callout, never mail), so writes need no sync.
 * `get` always tests the expiry; `sweep` is only hygiene.
 */
export interface TtlEntry {
  readonly value: Uint8Array;
  readonly expiresAt: number;
}

/** A value that another step of the store brings with it: both are there or neither is. */
export interface Mark {
  readonly namespace: string;
  readonly key: string;
  readonly value: Uint8Array;
  readonly ttlMs: number;
}

/** A namespace is a plain word; a key may be any text. */
export function checkNamespace(namespace: string): string {
  if (!/^[a-z][a-z0-9-]*$/.test(namespace)) throw new TypeError(`bad namespace ${namespace}`);
  return namespace;
}

export interface TtlMap {
  get(namespace: string, key: string): Promise<TtlEntry | undefined>;
  put(namespace: string, key: string, value: Uint8Array, ttlMs: number): Promise<void>;
  putIfAbsent(namespace: string, key: string, value: Uint8Array, ttlMs: number): Promise<TtlEntry>;
  delete(namespace: string, key: string): Promise<boolean>;
  /** Entries of a namespace in key order, in pages; expired ones are left out. */
  list(
    namespace: string,
    options: { prefix?: string; after?: string; limit: number },
  ): Promise<{ key: string; entry: TtlEntry }[]>;
  /** Drops up to `max` expired entries and says how many. */
  sweep(max: number): Promise<number>;
}
