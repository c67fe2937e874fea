/**
 * Watches the DNS for the records of our keys: nothing is signed with a key before its record has been
 * seen, for receivers take a signature without a record for a broken one. What was seen is remembered
 * over restarts and looked at again from time to time; a record that is gone for good ends the signing.
 * A DNS that does not answer changes nothing.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { paged } from '../base/paged.ts';
import { Places } from '../base/places.ts';
import type { FilterResolver } from '../dns/resolver.ts';
import type { TtlMap } from '../store/ttl-map.ts';
import { recordFault, recordName } from './record.ts';
import type { NamedKey } from './key-folder.ts';

/** A key under the name of a domain, in ASCII. */
export interface WatchedKey extends Pick<NamedKey, 'selector' | 'key'> {
  readonly domain: string;
}

export interface RecordState {
  /** `waiting`: not seen yet, or not any more; `unasked`: nobody has answered yet. */
  readonly state: 'seen' | 'waiting' | 'unasked';
  /** What is there in its place, or why nobody knows. */
  readonly text: string | undefined;
  /** When it was looked at last, milliseconds since the epoch. */
  readonly askedAt: number | undefined;
}

export interface RecordWatchOptions {
  readonly resolver: Pick<FilterResolver, 'txt'>;
  readonly map: Pick<TtlMap, 'list' | 'put' | 'delete'>;
  /** All keys in force. */
  readonly keys: () => Iterable<WatchedKey>;
  readonly clock: Clock;
  readonly log: Log;
}

const NAMESPACE = 'dkim-records';
const KEEP_MS = 90 * 24 * 3600 * 1000;
const TICK_MS = 15_000;
/** Of a record that was seen. */
const SEEN_MS = 3600 * 1000;
/** Of one that was not: soon, then less and less often. */
const WAITING_MS = { first: 30_000, most: 30 * 60_000 } as const;
/** Answers without the record, one after the other, that end what was seen: one may be a slip. */
const MAX_MISSES = 3;
const MISSED_MS = 5 * 60_000;
const AT_ONCE = 10;

interface Watched {
  readonly publicKey: string;
  state: RecordState['state'];
  text: string | undefined;
  /** What the log was told last. */
  told: string | undefined;
  askedAt: number | undefined;
  /** Without the record, one after the other. */
  misses: number;
  /** By the monotonic clock. */
  dueAt: number;
}

export class RecordWatch {
  readonly #options: RecordWatchOptions;
  readonly #places = new Places(AT_ONCE);
  #watched: ReadonlyMap<string, Watched> = new Map();
  #timer: Timer | undefined;
  #round: Promise<void> | undefined;
  #isOn = false;

  constructor(options: RecordWatchOptions) {
    this.#options = options;
  }

  /** Reads what was seen before; asks in the background. */
  async start(): Promise<void> {
    const before = new Map<string, string>();
    const notes = paged(
      (page) => this.#options.map.list(NAMESPACE, page),
      ({ key }) => key,
    );
    for await (const { key, entry } of notes) before.set(key, Buffer.from(entry.value).toString());
    this.#isOn = true;
    this.#take((name, publicKey) => before.get(name) === publicKey);
    this.#timer = this.#options.clock.timer(TICK_MS, () => this.#tick());
    this.#tick();
  }

  /** Answers that are still to come are not heard any more. */
  stop(): void {
    this.#isOn = false;
    this.#timer?.stop();
  }

  /** Other keys may be in force; what is waited for is asked for now. */
  look(): void {
    if (!this.#isOn) return;
    this.#take(() => false);
    const now = this.#options.clock.mono();
    for (const one of this.#watched.values()) {
      if (one.state !== 'seen') one.dueAt = now;
    }
    this.#begin();
  }

  isSeen({ domain, selector, key }: WatchedKey): boolean {
    const one = this.#watched.get(recordName(domain, selector));
    return one?.state === 'seen' && one.publicKey === key.publicKey;
  }

  state({ domain, selector, key }: WatchedKey): RecordState {
    const one = this.#watched.get(recordName(domain, selector));
    if (one?.publicKey !== key.publicKey)
      return { state: 'unasked', text: undefined, askedAt: undefined };
    const { state, text, askedAt } = one;
    return { state, text, askedAt };
  }

  /** Of these keys those that do not sign, for their records have not been seen. */
  waiting(keys: Iterable<WatchedKey>): { readonly record: string; readonly text: string }[] {
    return [...keys].flatMap((key) => {
      const { state, text } = this.state(key);
      const record = recordName(key.domain, key.selector);
      return state === 'seen' ? [] : [{ record, text: text ?? 'not asked yet' }];
    });
  }

  #take(wasSeen: (name: string, publicKey: string) => boolean): void {
    const before = this.#watched;
    const watched = new Map<string, Watched>();
    const dueAt = this.#options.clock.mono();
    for (const { domain, selector, key } of this.#options.keys()) {
      const name = recordName(domain, selector);
      const { publicKey } = key;
      const known = before.get(name);
      const state = wasSeen(name, publicKey) ? 'seen' : 'unasked';
      watched.set(name, known?.publicKey === publicKey ? known : fresh(publicKey, state, dueAt));
    }
    this.#watched = watched;
  }

  #tick(): void {
    this.#timer?.restart();
    this.#begin();
  }

  /** One round at a time; what falls due meanwhile has its turn at the next tick. */
  #begin(): void {
    if (this.#round !== undefined || !this.#isOn) return;
    this.#round = this.#askDue().finally(() => {
      this.#round = undefined;
    });
  }

  async #askDue(): Promise<void> {
    const now = this.#options.clock.mono();
    const due = [...this.#options.keys()].filter(({ domain, selector }) => {
      const one = this.#watched.get(recordName(domain, selector));
      return one !== undefined && one.dueAt <= now;
    });
    await Promise.all(due.map((key) => this.#places.run(() => this.#ask(key))));
  }

  async #ask(watched: WatchedKey): Promise<void> {
    const { resolver, clock, log } = this.#options;
    const name = recordName(watched.domain, watched.selector);
    const one = this.#watched.get(name);
    if (one === undefined || !this.#isOn) return;
    const lookup = await resolver.txt(name);
    if (!this.#isOn) return;
    one.askedAt = clock.now();
    if (lookup.kind === 'unsure') {
      one.text = lookup.text;
      one.dueAt = clock.mono() + WAITING_MS.first;
      return;
    }
    const texts = lookup.kind === 'found' ? lookup.records : [];
    const fault = recordFault(texts, watched.key);
    one.text = fault;
    one.misses = fault === undefined ? 0 : one.misses + 1;
    const facts = { domain: watched.domain, selector: watched.selector };
    if (fault === undefined) {
      one.dueAt = clock.mono() + SEEN_MS;
      if (one.state !== 'seen') log.emit('dkim.seen', facts);
      one.state = 'seen';
      one.told = undefined;
      // Each time, or it would be forgotten one day.
      await this.#note(name, one);
      return;
    }
    one.dueAt = clock.mono() + nextMs(one);
    const isOver = one.state === 'seen' && one.misses >= MAX_MISSES;
    if (one.state === 'seen' && !isOver) return;
    const wasSeen = one.state === 'seen';
    one.state = 'waiting';
    if (one.told !== fault) log.emit('dkim.missing', { ...facts, text: fault, was_seen: wasSeen });
    one.told = fault;
    if (wasSeen) await this.#note(name, one);
  }

  /** A note that cannot be written costs a question after a restart. */
  async #note(name: string, { state, publicKey }: Watched): Promise<void> {
    const { map, log } = this.#options;
    const done =
      state === 'seen'
        ? map.put(NAMESPACE, name, Buffer.from(publicKey), KEEP_MS)
        : map.delete(NAMESPACE, name);
    await done.catch((error: unknown) => log.emit('store.error', { err: errorText(error) }));
  }
}

function fresh(publicKey: string, state: Watched['state'], dueAt: number): Watched {
  return {
    ...{ publicKey, state, dueAt, misses: 0 },
    ...{ text: undefined, told: undefined, askedAt: undefined },
  };
}

function nextMs({ state, misses }: Watched): number {
  if (state === 'seen') return MISSED_MS;
  return Math.min(WAITING_MS.first * 1.5 ** Math.min(misses - 1, 20), WAITING_MS.most);
}
