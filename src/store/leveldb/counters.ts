/**
 * The counters in LevelDB. The keys in use are in memory; a step decides there, at once, so it is
 * exact however many ask, and is answered when the batch with the new value is on disk. Steps that
 * come together share one sync, so nothing need be reserved ahead: after a crash the counts are those
 * that were answered, or more by what was under way.
 */
import type { Clock } from '../../base/clock.ts';
import { CodedError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { Calendar, WINDOWS } from '../calendar.ts';
import { KEY_BOUNDS, MAX_KEY_BYTES, MAX_STRIKES } from '../counter-store.ts';
import type {
  Counts,
  CounterStore,
  CounterView,
  Demand,
  Granted,
  KeyBounds,
  Lock,
  Refused,
  Strike,
  StrikePolicy,
} from '../counter-store.ts';
import type { Mark } from '../ttl-map.ts';
import { CounterState } from './counter-state.ts';
import type { WriteOp } from './database.ts';
import { GroupCommit } from './group-commit.ts';
import type { GuardedDatabase } from './guard.ts';
import { counterKey, endOf } from './keys.ts';
import { markOp } from './ttl-map.ts';

/** Keys kept in memory; beyond this those not used for longest are read again when needed. */
const CACHED_KEYS = 20_000;
const PREFIX = counterKey('');

interface Cached {
  state: CounterState;
  /** It is on disk. */
  stored: boolean;
  /** Steps that are under way. */
  users: number;
}

export class LevelCounterStore implements CounterStore {
  readonly #database: GuardedDatabase;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #pump: GroupCommit;
  readonly #calendar = new Calendar();
  /** In the order of last use. */
  readonly #cache = new Map<string, Cached>();
  readonly #loading = new Map<string, Promise<void>>();
  readonly #left = new WeakMap<Granted, number>();
  readonly #bounds: KeyBounds;
  #keys = 0;

  constructor(options: {
    readonly database: GuardedDatabase;
    readonly clock: Clock;
    readonly log: Log;
    /** A seam for tests. */
    readonly bounds?: KeyBounds | undefined;
  }) {
    this.#bounds = options.bounds ?? KEY_BOUNDS;
    this.#database = options.database;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#pump = new GroupCommit(options.database, { sync: true });
  }

  async start(): Promise<void> {
    for await (const page of this.#database.keys({ gte: PREFIX, lt: endOf(PREFIX) }))
      this.#keys += page.length;
  }

  stop(): Promise<void> {
    return this.#pump.stop();
  }

  async take(
    demands: readonly Demand[],
    by: number,
    marks?: readonly Mark[],
  ): Promise<Granted | Refused> {
    const keys = [...new Set(demands.map(({ key }) => key))];
    return this.#using(keys, async (states) => {
      const now = this.#clock.now();
      const wanted = demands.flatMap(({ key, timeZone, limits }) =>
        WINDOWS.flatMap((window) => {
          const limit = limits[window];
          const state = states.get(key);
          if (limit === undefined || state === undefined) return [];
          const bucket = state.bucket(window, this.#calendar.span(timeZone, window, now));
          return [{ key, window, limit, bucket }];
        }),
      );
      for (const { key, window, limit, bucket } of wanted) {
        const times = wanted.filter((other) => other.bucket === bucket).length;
        if (bucket.count + by * times <= limit) continue;
        const { count, end: endsAt } = bucket;
        return { kind: 'refused', key, window, limit, count, endsAt };
      }
      const isOpen = demands.some((demand) => demand.isOpen === true);
      this.#admit(keys, isOpen);
      for (const { bucket } of wanted) bucket.count += by;
      const taken = wanted.map(({ key, window, bucket: { start } }) => ({ key, window, start }));
      await this.#write(keys, marks);
      const granted: Granted = { kind: 'granted', by, taken };
      this.#left.set(granted, by);
      return granted;
    });
  }

  async giveBack(granted: Granted, by = granted.by): Promise<void> {
    const left = this.#left.get(granted) ?? 0;
    const back = Math.min(by, left);
    if (back <= 0) return;
    this.#left.set(granted, left - back);
    const keys = [...new Set(granted.taken.map(({ key }) => key))];
    await this.#using(keys, async (states) => {
      for (const { key, window, start } of granted.taken) {
        const bucket = states.get(key)?.buckets.get(window);
        if (bucket?.start === start) bucket.count = Math.max(0, bucket.count - back);
      }
      await this.#write(keys);
    });
  }

  peek(key: string): Promise<Counts> {
    return this.#one(key, async (state) => state.counts(this.#clock.now()));
  }

  strike(key: string, policy: StrikePolicy, marks?: readonly Mark[]): Promise<Strike> {
    if (policy.max > MAX_STRIKES) throw new RangeError(`more than ${MAX_STRIKES} strikes`);
    const { locks = key } = policy;
    const both = [...new Set([key, locks])];
    const step = async (state: CounterState, locked: CounterState) => {
      this.#admit(both, policy.isOpen);
      const strike = state.strike(policy, this.#clock.now());
      if (strike.kind === 'locked' && locked !== state) {
        locked.storedLock = strike.lock;
        state.unlock();
      }
      const changed = { counted: [key], locked: both, 'already-locked': [] };
      await this.#write(changed[strike.kind], marks);
      return strike;
    };
    return this.#one(key, (state) => this.#one(locks, (locked) => step(state, locked)));
  }

  lockOf(key: string): Promise<Lock | undefined> {
    return this.#one(key, async (state) => state.lock(this.#clock.now()));
  }

  lock(key: string, lock: Lock): Promise<void> {
    return this.#one(key, async (state) => {
      this.#admit([key]);
      state.storedLock = lock;
      await this.#write([key]);
    });
  }

  unlock(key: string): Promise<boolean> {
    return this.#one(key, async (state) => {
      const wasLocked = state.lock(this.#clock.now()) !== undefined;
      state.unlock();
      await this.#write([key]);
      return wasLocked;
    });
  }

  async reset(key: string): Promise<void> {
    const value = await this.#database.get(counterKey(checked(key)));
    if (value !== undefined && CounterState.decode(value) === undefined) {
      this.#assertReady();
      const put: WriteOp = {
        type: 'put',
        key: counterKey(key),
        value: new CounterState().encode(),
      };
      await this.#pump.write([put]);
      return;
    }
    await this.#one(key, async (state) => {
      state.reset();
      await this.#write([key]);
    });
  }

  async list(options: { prefix?: string; after?: string; limit: number }): Promise<CounterView[]> {
    this.#assertReady();
    const { prefix = '', after, limit } = options;
    const found: CounterView[] = [];
    if (limit <= 0) return found;
    const from = PREFIX + prefix;
    const range =
      after !== undefined && PREFIX + after >= from ? { gt: PREFIX + after } : { gte: from };
    const now = this.#clock.now();
    for await (const page of this.#database.entries({ ...range, lt: endOf(PREFIX) })) {
      for (const [place, value] of page) {
        const key = place.slice(PREFIX.length);
        if (!key.startsWith(prefix)) return found;
        const state = this.#cache.get(key)?.state ?? CounterState.decode(value);
        const counts = state?.counts(now) ?? {};
        const lock = state?.lock(now);
        const autoLocks = state?.autoLocksAt(now) ?? 0;
        const view = { counts, ...(lock && { lock }), ...(autoLocks > 0 && { autoLocks }) };
        if (Object.keys(counts).length > 0 || lock !== undefined) found.push({ key, ...view });
        if (found.length === limit) return found;
      }
    }
    return found;
  }

  async sweep(max: number): Promise<number> {
    this.#assertReady();
    const now = this.#clock.now();
    let swept = 0;
    for await (const page of this.#database.entries({ gte: PREFIX, lt: endOf(PREFIX) })) {
      const ops: WriteOp[] = [];
      for (const [place, value] of page) {
        if (swept + ops.length >= max) break;
        const key = place.slice(PREFIX.length);
        const cached = this.#cache.get(key);
        if (this.#loading.has(key) || (cached?.users ?? 0) > 0) continue;
        const state = cached?.state ?? CounterState.decode(value);
        if (state?.isOver(now) !== true) continue;
        this.#cache.delete(key);
        ops.push({ type: 'del', key: place });
      }
      this.#keys -= ops.length;
      if (ops.length > 0) await this.#pump.write(ops);
      swept += ops.length;
      if (swept >= max) break;
    }
    return swept;
  }

  #one<T>(key: string, step: (state: CounterState) => Promise<T>): Promise<T> {
    return this.#using([key], (states) => step(states.get(key) ?? new CounterState()));
  }

  /** `step` must decide and write before it first waits, so that no other step comes between. */
  async #using<T>(
    keys: readonly string[],
    step: (states: ReadonlyMap<string, CounterState>) => Promise<T>,
  ): Promise<T> {
    this.#assertReady();
    const held: Cached[] = [];
    try {
      for (const key of keys) held.push(await this.#hold(checked(key)));
      return await step(new Map(keys.map((key, index) => [key, stateAt(held, index)])));
    } finally {
      for (const cached of held) cached.users--;
      this.#trim();
    }
  }

  /** The key in memory, where it stays until it is let go. */
  async #hold(key: string): Promise<Cached> {
    for (;;) {
      const cached = this.#cache.get(key);
      if (cached !== undefined) {
        cached.users++;
        this.#cache.delete(key);
        this.#cache.set(key, cached);
        return cached;
      }
      const loading = this.#loading.get(key) ?? this.#load(key);
      this.#loading.set(key, loading);
      await loading.finally(() => this.#loading.delete(key));
    }
  }

  async #load(key: string): Promise<void> {
    const value = await this.#database.get(counterKey(key));
    const state = value === undefined ? new CounterState() : CounterState.decode(value);
    if (state === undefined) {
      const msg = `the counters of ${key} are damaged; nothing is granted until they are reset`;
      this.#log.emit('store.error', { msg });
      throw new CodedError('STORE_DAMAGED', `counters of ${key} are damaged`);
    }
    this.#cache.set(key, { state, stored: value !== undefined, users: 0 });
  }

  #trim(): void {
    for (const [key, { users }] of this.#cache) {
      if (this.#cache.size <= CACHED_KEYS) return;
      if (users === 0) this.#cache.delete(key);
    }
  }

  /** Says LIMIT when these are new keys and there are too many. */
  #admit(keys: readonly string[], isOpen = false): void {
    const bound = isOpen ? this.#bounds.open : this.#bounds.all;
    const added = keys.filter((key) => this.#cache.get(key)?.stored === false).length;
    if (added > 0 && this.#keys + added > bound)
      throw new CodedError('LIMIT', `there are ${bound} counters already`);
  }

  #write(keys: readonly string[], marks: readonly Mark[] = []): Promise<void> {
    const ops: WriteOp[] = marks.map((mark) => markOp(mark, this.#clock.now()).op);
    for (const key of keys) {
      const cached = this.#cache.get(key);
      if (cached === undefined) continue;
      if (!cached.stored) this.#keys++;
      cached.stored = true;
      ops.push({ type: 'put', key: counterKey(key), value: cached.state.encode() });
    }
    return ops.length === 0 ? Promise.resolve() : this.#pump.write(ops);
  }

  #assertReady(): void {
    const failure = this.#database.failure();
    if (failure !== undefined) throw new CodedError(failure.code, failure.message);
  }
}

function stateAt(held: readonly Cached[], index: number): CounterState {
  return held[index]?.state ?? new CounterState();
}

function checked(key: string): string {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw new CodedError('LIMIT', `a counter key is longer than ${MAX_KEY_BYTES} bytes`);
  return key;
}
