/**
 * The TtlMap in LevelDB. Writes are grouped but not synced; they go through the same guard as the
 * spool's. The steps on one key follow each other, so `putIfAbsent` has one winner. A value is
 * stored behind its version and the time it expires.
 */
import type { Clock } from '../../base/clock.ts';
import { CodedError } from '../../base/errors.ts';
import type { Mark, TtlEntry, TtlMap } from '../ttl-map.ts';
import { GroupCommit } from './group-commit.ts';
import type { WriteOp } from './database.ts';
import type { GuardedDatabase } from './guard.ts';
import { endOf, ttlPrefix } from './keys.ts';

const VERSION = 1;
const TIME_BYTES = 6;
const HEAD_BYTES = 1 + TIME_BYTES;
const MAX_TIME = 2 ** (8 * TIME_BYTES) - 1;

export class LevelTtlMap implements TtlMap {
  readonly #database: GuardedDatabase;
  readonly #clock: Clock;
  readonly #pump: GroupCommit;
  /** The last step of each key on which one is under way. */
  readonly #steps = new Map<string, Promise<unknown>>();

  constructor(options: { readonly database: GuardedDatabase; readonly clock: Clock }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#pump = new GroupCommit(options.database, { sync: false });
  }

  async get(namespace: string, key: string): Promise<TtlEntry | undefined> {
    return this.#read(ttlPrefix(namespace) + key);
  }

  async put(namespace: string, key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    const mark = { namespace, key, value, ttlMs };
    await this.#inTurn(ttlPrefix(namespace) + key, () => this.#write(mark));
  }

  async putIfAbsent(
    namespace: string,
    key: string,
    value: Uint8Array,
    ttlMs: number,
  ): Promise<TtlEntry> {
    const place = ttlPrefix(namespace) + key;
    return this.#inTurn(
      place,
      async () =>
        (await this.#read(place)) ?? (await this.#write({ namespace, key, value, ttlMs })),
    );
  }

  async delete(namespace: string, key: string): Promise<boolean> {
    const place = ttlPrefix(namespace) + key;
    return this.#inTurn(place, async () => {
      const entry = await this.#read(place);
      await this.#pump.write([{ type: 'del', key: place }]);
      return entry !== undefined;
    });
  }

  async list(
    namespace: string,
    options: { prefix?: string; after?: string; limit: number },
  ): Promise<{ key: string; entry: TtlEntry }[]> {
    this.#assertReady();
    const start = ttlPrefix(namespace);
    const { prefix = '', after, limit } = options;
    const found: { key: string; entry: TtlEntry }[] = [];
    if (limit <= 0) return found;
    const from = start + prefix;
    const range =
      after !== undefined && start + after >= from ? { gt: start + after } : { gte: from };
    for await (const page of this.#database.entries({ ...range, lt: endOf(start) })) {
      for (const [place, value] of page) {
        const key = place.slice(start.length);
        if (!key.startsWith(prefix)) return found;
        const entry = this.#live(value);
        if (entry !== undefined) found.push({ key, entry });
        if (found.length === limit) return found;
      }
    }
    return found;
  }

  async sweep(max: number): Promise<number> {
    this.#assertReady();
    let swept = 0;
    for await (const page of this.#database.entries({ gte: 't!', lt: endOf('t!') })) {
      const ops: WriteOp[] = [];
      for (const [key, value] of page) {
        if (swept + ops.length >= max) break;
        // A key that is being written now is not expired for long.
        if (this.#live(value) === undefined && !this.#steps.has(key))
          ops.push({ type: 'del', key });
      }
      if (ops.length > 0) await this.#pump.write(ops);
      swept += ops.length;
      if (swept >= max) break;
    }
    return swept;
  }

  stop(): Promise<void> {
    return this.#pump.stop();
  }

  async #read(place: string): Promise<TtlEntry | undefined> {
    this.#assertReady();
    const value = await this.#database.get(place);
    return value && this.#live(value);
  }

  async #write(mark: Mark): Promise<TtlEntry> {
    const { op, expiresAt } = markOp(mark, this.#clock.now());
    await this.#pump.write([op]);
    return { value: mark.value, expiresAt };
  }

  /** The entry in a stored value; undefined when it has expired or is none. */
  #live(stored: Uint8Array): TtlEntry | undefined {
    const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
    if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION) return undefined;
    const expiresAt = bytes.readUIntBE(1, TIME_BYTES);
    if (expiresAt <= this.#clock.now()) return undefined;
    return { value: bytes.subarray(HEAD_BYTES), expiresAt };
  }

  async #inTurn<T>(place: string, step: () => Promise<T>): Promise<T> {
    const before = this.#steps.get(place);
    const turn = before === undefined ? step() : before.then(step, step);
    this.#steps.set(place, turn);
    try {
      return await turn;
    } finally {
      if (this.#steps.get(place) === turn) this.#steps.delete(place);
    }
  }

  #assertReady(): void {
    const failure = this.#database.failure();
    if (failure !== undefined) throw new CodedError(failure.code, failure.message);
  }
}

export function markOp(
  { namespace, key, value, ttlMs }: Mark,
  now: number,
): { readonly op: WriteOp; readonly expiresAt: number } {
  const expiresAt = Math.min(Math.max(Math.floor(now + ttlMs), 0), MAX_TIME);
  const stored = Buffer.allocUnsafe(HEAD_BYTES + value.length);
  stored.writeUInt8(VERSION, 0);
  stored.writeUIntBE(expiresAt, 1, TIME_BYTES);
  stored.set(value, HEAD_BYTES);
  return { op: { type: 'put', key: ttlPrefix(namespace) + key, value: stored }, expiresAt };
}
