/**
 * Counters in memory: the model. Each bucket is a number under its key, window and start; nothing is
 * shared with the other engine but the calendar. What survives a restart is the disk, a plain map
 * that the next one may be given.
 */
import type { Clock } from '../../base/clock.ts';
import { CodedError } from '../../base/errors.ts';
import { Calendar, WINDOWS } from '../calendar.ts';
import type { CounterWindow, Span } from '../calendar.ts';
import { FORGET_LOCKS_MS, KEY_BOUNDS } from '../counter-store.ts';
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
import type { Mark, TtlMap } from '../ttl-map.ts';

interface Bucket extends Span {
  count: number;
}

class Key {
  readonly buckets = new Map<CounterWindow, Bucket>();
  strikes: number[] = [];
  strikesUntil = 0;
  lock: Lock | undefined;
  autoLocks = 0;
}

export class MemoryCounterStore implements CounterStore {
  readonly #clock: Clock;
  readonly #keys: Map<string, Key>;
  readonly #calendar = new Calendar();
  readonly #left = new WeakMap<Granted, number>();
  readonly #bounds: KeyBounds;
  readonly #ttl: Pick<TtlMap, 'put'> | undefined;

  constructor(options: {
    readonly clock: Clock;
    /** Where marks go. */
    readonly ttl?: Pick<TtlMap, 'put'>;
    readonly disk?: Map<string, unknown>;
    readonly bounds?: KeyBounds | undefined;
  }) {
    this.#bounds = options.bounds ?? KEY_BOUNDS;
    this.#clock = options.clock;
    this.#ttl = options.ttl;
    this.#keys = (options.disk ?? new Map()) as Map<string, Key>; // made by one of us, or empty
  }

  async take(
    demands: readonly Demand[],
    by: number,
    marks?: readonly Mark[],
  ): Promise<Granted | Refused> {
    for (const { key, isOpen } of demands) this.#of(key, isOpen);
    const wanted = demands.flatMap(({ key, timeZone, limits }) =>
      WINDOWS.flatMap((window) => {
        const limit = limits[window];
        if (limit === undefined) return [];
        return [{ key, window, limit, bucket: this.#bucket(key, timeZone, window) }];
      }),
    );
    for (const { key, window, limit, bucket } of wanted) {
      const times = wanted.filter((other) => other.bucket === bucket).length;
      if (bucket.count + by * times <= limit) continue;
      return { kind: 'refused', key, window, limit, count: bucket.count, endsAt: bucket.end };
    }
    for (const { bucket } of wanted) bucket.count += by;
    await this.#mark(marks);
    const taken = wanted.map(({ key, window, bucket: { start } }) => ({ key, window, start }));
    const granted: Granted = { kind: 'granted', by, taken };
    this.#left.set(granted, by);
    return granted;
  }

  async giveBack(granted: Granted, by = granted.by): Promise<void> {
    const left = this.#left.get(granted) ?? 0;
    const back = Math.min(by, left);
    this.#left.set(granted, left - back);
    for (const { key, window, start } of granted.taken) {
      const bucket = this.#keys.get(key)?.buckets.get(window);
      if (bucket?.start === start) bucket.count = Math.max(0, bucket.count - back);
    }
  }

  async peek(key: string): Promise<Counts> {
    return this.#counts(key);
  }

  async strike(key: string, policy: StrikePolicy, marks?: readonly Mark[]): Promise<Strike> {
    const strike = this.#strike(key, policy);
    await this.#mark(marks);
    return strike;
  }

  #strike(key: string, policy: StrikePolicy): Strike {
    const now = this.#clock.now();
    const on = this.#lockOn(key);
    if (on !== undefined) return { kind: 'already-locked', lock: on };
    const found = this.#of(key, policy.isOpen);
    this.#forget(found);
    found.strikes = [...found.strikes.filter((at) => at > now - policy.windowMs), now];
    found.strikesUntil = now + policy.windowMs;
    if (found.strikes.length <= policy.max)
      return { kind: 'counted', strikes: found.strikes.length };
    found.strikes = [];
    found.autoLocks++;
    const { by, text } = policy;
    const endsItself = found.autoLocks <= policy.maxAutoUnlocks;
    const lock = { at: now, ...(endsItself && { until: now + policy.lockMs }), by, text };
    if (policy.locks === undefined) found.lock = lock;
    else {
      this.#of(policy.locks).lock = lock;
      found.autoLocks = 0;
    }
    return { kind: 'locked', lock };
  }

  async lockOf(key: string): Promise<Lock | undefined> {
    return this.#lockOn(key);
  }

  async lock(key: string, lock: Lock): Promise<void> {
    this.#of(key).lock = lock;
  }

  async unlock(key: string): Promise<boolean> {
    const wasLocked = this.#lockOn(key) !== undefined;
    const found = this.#keys.get(key);
    if (found !== undefined) {
      found.lock = undefined;
      found.strikes = [];
      found.autoLocks = 0;
    }
    return wasLocked;
  }

  async reset(key: string): Promise<void> {
    const found = this.#keys.get(key);
    found?.buckets.clear();
    if (found !== undefined) found.strikes = [];
  }

  async list(options: { prefix?: string; after?: string; limit: number }): Promise<CounterView[]> {
    const { prefix = '', after = '', limit } = options;
    return [...this.#keys.keys()]
      .filter((key) => key.startsWith(prefix) && key > after)
      .sort()
      .map((key) => {
        const lock = this.#lockOn(key);
        const state = this.#of(key);
        this.#forget(state);
        const { autoLocks } = state;
        const counts = this.#counts(key);
        return { key, counts, ...(lock && { lock }), ...(autoLocks > 0 && { autoLocks }) };
      })
      .filter(({ counts, lock }) => Object.keys(counts).length > 0 || lock !== undefined)
      .slice(0, limit);
  }

  async sweep(max: number): Promise<number> {
    let swept = 0;
    for (const [key, found] of this.#keys) {
      this.#forget(found);
      const isOn =
        (found.autoLocks > 0 && found.lock !== undefined) ||
        this.#lockOn(key) !== undefined ||
        (found.strikes.length > 0 && found.strikesUntil > this.#clock.now()) ||
        Object.keys(this.#counts(key)).length > 0;
      if (!isOn && swept < max && this.#keys.delete(key)) swept++;
    }
    return swept;
  }

  async #mark(marks: readonly Mark[] = []): Promise<void> {
    for (const { namespace, key, value, ttlMs } of marks)
      await this.#ttl?.put(namespace, key, value, ttlMs);
  }

  #of(key: string, isOpen = false): Key {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const { all, open } = this.#bounds;
    if (this.#keys.size >= (isOpen ? open : all))
      throw new CodedError('LIMIT', 'too many counters');
    const found = new Key();
    this.#keys.set(key, found);
    return found;
  }

  #bucket(key: string, timeZone: string, window: CounterWindow): Bucket {
    const span = this.#calendar.span(timeZone, window, this.#clock.now());
    const { buckets } = this.#of(key);
    const known = buckets.get(window);
    // Set back by less than two windows, the clock stays in the later one.
    const length = span.end - span.start;
    if (known?.start === span.start) return known;
    const isAhead = known !== undefined && known.count > 0 && known.start > span.start;
    if (isAhead && known.start - span.start <= 2 * length) return known;
    const bucket = { ...span, count: 0 };
    buckets.set(window, bucket);
    return bucket;
  }

  #counts(key: string): Counts {
    const now = this.#clock.now();
    const counts: Partial<Record<CounterWindow, { count: number; endsAt: number }>> = {};
    for (const window of WINDOWS) {
      const bucket = this.#keys.get(key)?.buckets.get(window);
      if (bucket !== undefined && bucket.end > now && bucket.count > 0)
        counts[window] = { count: bucket.count, endsAt: bucket.end };
    }
    return counts;
  }

  #lockOn(key: string): Lock | undefined {
    const lock = this.#keys.get(key)?.lock;
    return lock?.until !== undefined && lock.until <= this.#clock.now() ? undefined : lock;
  }

  #forget(found: Key): void {
    const { lock } = found;
    if (lock?.until !== undefined && lock.until + FORGET_LOCKS_MS <= this.#clock.now()) {
      found.autoLocks = 0;
      found.lock = undefined;
    }
  }
}
