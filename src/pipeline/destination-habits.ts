/**
 * Habits of destinations that make their answers at RCPT worth little: one takes every recipient,
 * another takes them at RCPT and refuses them after the content. Found by asking, once a day, for a
 * recipient that cannot be there, and from what deliveries come to. Told to the operator in words;
 * asked about by the recipient verification, which does not lean on such answers in an outage.
 */
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import { randomToken } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { paged } from '../base/paged.ts';
import type { Courier } from '../delivery/courier.ts';
import { currentKey } from '../directory/destination-key.ts';
import type { Domain } from '../directory/domain.ts';
import type { ReversePath } from '../mail/address.ts';
import type { TtlMap } from '../store/ttl-map.ts';

export type Habit = 'accepts_all' | 'refuses_late';

export interface HabitSeen {
  readonly domain: string;
  readonly habit: Habit;
  readonly since: number;
}

export interface DestinationHabitsOptions {
  readonly map: TtlMap;
  readonly courier: Pick<Courier, 'callout'>;
  readonly clock: Clock;
  readonly log: Log;
}

interface Known {
  /** When it last showed whether it refuses unknown recipients. */
  readonly checkedAt?: number;
  readonly acceptsAllSince?: number;
  readonly refusesLateSince?: number;
  /** When it did so last. */
  readonly refusedLateAt?: number;
}

const NAMESPACE = 'habits';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A destination that could not say is asked again after this. */
const UNSURE_MS = HOUR_MS;
/** After so long without another one, it is taken to have mended its ways. */
const LATE_MS = 7 * DAY_MS;
const KEEP_MS = 60 * DAY_MS;
/** One name for each hosted domain and each destination it had; more are not remembered. */
const MAX_KNOWN = 200_000;

const WORDS: Readonly<Record<Habit, { readonly text: string; readonly advice: string }>> = {
  accepts_all: {
    text: 'takes every recipient at RCPT: nobody can be verified there, and in an outage its word counts for nothing',
    advice:
      'turn on recipient validation on that server (Postfix: relay_recipient_maps; Exchange: ' +
      'recipient filtering), or give the gateway a list (recipients: { file: ... }); if it is ' +
      'meant, set "recipients" to "any"',
  },
  refuses_late: {
    text: 'takes recipients at RCPT and refuses them after the content: mail that is queued for them in an outage can neither be delivered nor returned',
    advice:
      'turn on validation at RCPT on that server (Exchange: recipient filtering on the receiving ' +
      'connector), or give the gateway a list (recipients: { file: ... })',
  },
};

/** What it does, and what to do about it. */
export function adviceOn(habit: Habit): string {
  const { text, advice } = WORDS[habit];
  return `${text}; ${advice}`;
}

export class DestinationHabits {
  readonly #options: DestinationHabitsOptions;
  readonly #known = new Map<string, Known>();
  readonly #retryAt = new Map<string, number>();

  constructor(options: DestinationHabitsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const all = paged(
      (page) => this.#options.map.list(NAMESPACE, page),
      ({ key }) => key,
    );
    for await (const { key, entry } of all) {
      const known = decode(entry.value);
      const at = key.indexOf(' ');
      const current = `${key.slice(0, at)} ${currentKey(key.slice(at + 1))}`;
      if (known !== undefined && this.#known.size < MAX_KNOWN) this.#known.set(current, known);
    }
  }

  /** Its answer at RCPT that a recipient is known says nothing. */
  isBlind(domain: Domain): boolean {
    return this.of(domain).length > 0;
  }

  of(domain: Domain): readonly HabitSeen[] {
    const { acceptsAllSince, refusesLateSince, refusedLateAt = 0 } = this.#of(domain);
    const { name } = domain;
    const isLate = this.#options.clock.now() - refusedLateAt < LATE_MS;
    return [
      ...(acceptsAllSince === undefined
        ? []
        : [{ domain: name, habit: 'accepts_all' as const, since: acceptsAllSince }]),
      ...(refusesLateSince === undefined || !isLate
        ? []
        : [{ domain: name, habit: 'refuses_late' as const, since: refusesLateSince }]),
    ];
  }

  /** It took a recipient at RCPT: now and then the question is whether it takes them all. */
  tookOne(domain: Domain, reversePath: ReversePath): void {
    const { clock, log } = this.#options;
    const key = keyOf(domain);
    const { checkedAt = -Infinity } = this.#of(domain);
    const now = clock.now();
    if (now - checkedAt < DAY_MS || now < (this.#retryAt.get(key) ?? 0)) return;
    this.#noteRetry(key, now + UNSURE_MS);
    this.check(domain, reversePath).catch((error: unknown) =>
      log.emit('store.error', { err: errorText(error) }),
    );
  }

  /** It refused a recipient at RCPT as unknown. */
  refusedOne(domain: Domain): Promise<void> {
    const { acceptsAllSince, checkedAt = -Infinity } = this.#of(domain);
    const isNews = acceptsAllSince !== undefined;
    // A write for each refusal would be a gift to harvesters.
    if (!isNews && this.#options.clock.now() - checkedAt < HOUR_MS) return Promise.resolve();
    return this.found(domain, false);
  }

  /** Asks for a recipient that cannot be there. */
  async check(
    domain: Domain,
    reversePath: ReversePath,
    signal?: AbortSignal,
  ): Promise<'accepts-all' | 'refuses' | 'unsure'> {
    const local = `check-${randomToken(8)}`;
    const recipient = { local, domain: domain.name };
    const { courier } = this.#options;
    const { kind } = await courier.callout(
      domain.destination,
      reversePath,
      recipient,
      false,
      signal,
    );
    if (kind === 'unsure') return 'unsure';
    await this.found(domain, kind === 'known');
    return kind === 'known' ? 'accepts-all' : 'refuses';
  }

  /** It refused after the content whom it had taken at RCPT. */
  async refusedLate(domain: Domain): Promise<void> {
    const now = this.#options.clock.now();
    const { refusedLateAt = -Infinity, refusesLateSince } = this.#of(domain);
    const isNew = refusesLateSince === undefined || now - refusedLateAt >= LATE_MS;
    if (!isNew && now - refusedLateAt < HOUR_MS) return;
    const since = isNew ? now : refusesLateSince;
    await this.#keep(domain, { refusesLateSince: since, refusedLateAt: now });
    if (isNew) this.#tell(domain, 'refuses_late', WORDS.refuses_late.text);
  }

  /** It was asked for one that cannot be there, and took him or refused him as unknown. */
  async found(domain: Domain, acceptsAll: boolean): Promise<void> {
    const checkedAt = this.#options.clock.now();
    const { acceptsAllSince: before, ...rest } = this.#of(domain);
    const acceptsAllSince = acceptsAll ? (before ?? checkedAt) : undefined;
    await this.#keep(
      domain,
      { checkedAt, ...(acceptsAllSince !== undefined && { acceptsAllSince }) },
      rest,
    );
    if (acceptsAll === (before !== undefined)) return;
    if (acceptsAll) this.#tell(domain, 'accepts_all', WORDS.accepts_all.text);
    else this.#tell(domain, 'accepts_all', 'refuses unknown recipients again', 'info');
  }

  #tell(domain: Domain, habit: Habit, text: string, level?: 'info'): void {
    const fields = { dest: domain.destination.key, domains: [domain.name], habit, text };
    this.#options.log.emit('dest.habit', fields, level);
  }

  #of(domain: Domain): Known {
    return this.#known.get(keyOf(domain)) ?? {};
  }

  async #keep(domain: Domain, news: Known, before = this.#of(domain)): Promise<void> {
    const key = keyOf(domain);
    const known = { ...before, ...news };
    if (!this.#known.has(key) && this.#known.size >= MAX_KNOWN) return;
    this.#known.set(key, known);
    await this.#options.map.put(NAMESPACE, key, Buffer.from(JSON.stringify(known)), KEEP_MS);
  }

  #noteRetry(key: string, at: number): void {
    // Of no use once over: forgetting them all costs a question each.
    if (this.#retryAt.size >= MAX_KNOWN) this.#retryAt.clear();
    this.#retryAt.set(key, at);
  }
}

/** Another domain of the same server may be set up otherwise. */
function keyOf(domain: Domain): string {
  return `${domain.name} ${domain.destination.key}`;
}

function decode(bytes: Uint8Array): Known | undefined {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString()) as Readonly<Record<string, unknown>>; // stored by us
    const names = ['checkedAt', 'acceptsAllSince', 'refusesLateSince', 'refusedLateAt'];
    return Object.fromEntries(
      names.flatMap((name) => (typeof value[name] === 'number' ? [[name, value[name]]] : [])),
    );
  } catch {
    return undefined; // found out again
  }
}
