/**
 * Which destinations greylist us, limit us or let us wait, though they ought to take our mail as it
 * comes. Fed by every attempt; a single sign says little, so each needs some within its time, and is
 * over when mail goes through without one for a day, or after a week without any. Notes of it survive
 * a restart; one that is lost or damaged is found out again. Decides nothing: operators are told.
 */
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { paged } from '../base/paged.ts';
import type { Reply } from '../mail/reply.ts';
import { replyText } from '../mail/outcome.ts';
import type { TtlMap } from '../store/ttl-map.ts';
import { FirstTries } from './first-tries.ts';
import type { Tried } from './first-tries.ts';
import { hindranceIn } from './hindrance-signs.ts';
import type { Hindrance } from './hindrance-signs.ts';
import { hindranceText } from './hindrance-words.ts';
import { ReplyTimes } from './reply-times.ts';

/** What one attempt showed of how a destination treats us. */
export interface Treatment {
  /** All it said that was no yes. */
  readonly refusals: readonly Reply[];
  /** From MAIL until the last answer before content; undefined when it came to none. */
  readonly envelopeMs: number | undefined;
  /** It took no further connection while so many others of ours were at work. */
  readonly refusedBeside?: { readonly text: string; readonly open: number };
  /** It took what was brought, or knew who was asked for. */
  readonly isGood: boolean;
  /** What became of each recipient that mail was brought for. */
  readonly tried?: readonly Tried[];
}

export interface HindranceSeen {
  readonly habit: Hindrance;
  readonly since: number;
  readonly lastAt: number;
  readonly count: number;
  /** What showed it last. */
  readonly evidence: string;
}

export interface HindrancesOptions {
  readonly map: Pick<TtlMap, 'list' | 'put' | 'delete'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Of a destination; those of servers that nobody configured are not watched. */
  readonly domains: (key: string) => readonly string[];
}

interface Note extends HindranceSeen {
  /** People know of it. */
  readonly isTold: boolean;
  /** Good attempts since the last sign. */
  readonly good: number;
  /** What its answers took before they got slow. */
  readonly usualMs?: number;
}

const NAMESPACE = 'hindrances';
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const KEEP_MS = 60 * DAY_MS;
/** Signs that are needed within a time. Times are judged over many answers already. */
const NEEDED: Readonly<Record<Hindrance, { readonly signs: number; readonly withinMs: number }>> = {
  greylists: { signs: 2, withinMs: 7 * DAY_MS },
  limits: { signs: 3, withinMs: DAY_MS },
  unprepared: { signs: 2, withinMs: DAY_MS },
  tarpits: { signs: 1, withinMs: DAY_MS },
};
/** A burst of refusals is one sign of a limit. */
const BURST_MS = 10_000;
/** Who refuses a connection and takes mail over others right after is not just going down. */
const BESIDE_MS = 5000;
const OVER_AFTER_GOOD = 20;
const OVER_MS = 7 * DAY_MS;
/** A sign that changes nothing is written down so often. */
const REFRESH_MS = 60 * MINUTE_MS;
const MAX_EVIDENCE = 300;
/** More destinations than a configuration has; the one seen longest ago is forgotten. */
const MAX_KNOWN = 100_000;
/** Found in what it says; times are judged apart. */
const SAID = ['greylists', 'limits', 'unprepared'] as const;
const HABITS: readonly Hindrance[] = [...SAID, 'tarpits'];

interface Known {
  readonly notes: Map<Hindrance, Note>;
  times: ReplyTimes;
  beside: { readonly at: number; readonly text: string } | undefined;
}

export class Hindrances {
  readonly #options: HindrancesOptions;
  readonly #known = new Map<string, Known>();
  readonly #writtenAt = new Map<string, number>();
  readonly #firstTries = new FirstTries();

  constructor(options: HindrancesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { map } = this.#options;
    const all = paged(
      (page) => map.list(NAMESPACE, page),
      ({ key }) => key,
    );
    for await (const { key, entry } of all) {
      const note = decode(entry.value);
      if (note !== undefined) this.#restore(key.slice(0, key.lastIndexOf(' ')), note);
    }
  }

  of(key: string): readonly HindranceSeen[] {
    const now = this.#options.clock.now();
    const notes = [...(this.#known.get(key)?.notes.values() ?? [])];
    return notes.filter(({ isTold, lastAt }) => isTold && now - lastAt < OVER_MS);
  }

  observe(key: string, seen: Treatment): void {
    if (this.#options.domains(key).length === 0) return;
    const known = this.#of(key);
    const now = this.#options.clock.now();
    this.#judgeTimes(key, known, seen.envelopeMs, now);
    for (const habit of SAID) {
      const reply = seen.refusals.find((one) => hindranceIn(one) === habit);
      if (reply !== undefined) this.#sign(key, known, habit, replyText(reply), now);
    }
    for (const tried of seen.tried ?? []) {
      const said = this.#firstTries.see(key, tried, now);
      if (said === undefined) continue;
      const text = `puts off who writes for the first time, and takes it later: ${said}`;
      this.#sign(key, known, 'greylists', text, now);
    }
    const { refusedBeside } = seen;
    if (refusedBeside !== undefined) {
      const text = `took no connection beside ${refusedBeside.open} others: ${refusedBeside.text}`;
      known.beside = { at: now, text };
    }
    if (!seen.isGood) return;
    const { beside } = known;
    known.beside = undefined;
    if (beside !== undefined && now - beside.at < BESIDE_MS)
      this.#sign(key, known, 'limits', beside.text, now);
    for (const habit of SAID) this.#good(key, known, habit, now);
  }

  #judgeTimes(key: string, known: Known, ms: number | undefined, now: number): void {
    const judged = ms === undefined ? undefined : known.times.add(ms);
    if (judged?.verdict === 'slow') {
      const before = known.notes.get('tarpits')?.usualMs ?? judged.usualMs;
      const usual = before === undefined ? '' : `, ${seconds(before)} before`;
      const text = `answers MAIL and RCPT after ${seconds(judged.medianMs)}${usual}`;
      this.#sign(key, known, 'tarpits', text, now, before);
    } else if (judged?.verdict === 'quick') this.#over(key, known, 'tarpits');
  }

  #sign(
    key: string,
    { notes }: Known,
    habit: Hindrance,
    text: string,
    now: number,
    usualMs?: number,
  ): void {
    const found = notes.get(habit);
    const isStale = found !== undefined && now - found.lastAt >= NEEDED[habit].withinMs;
    const before = isStale && !found.isTold ? undefined : found;
    if (before !== undefined && habit === 'limits' && now - before.lastAt < BURST_MS) return;
    const count = (before?.count ?? 0) + 1;
    const note: Note = {
      habit,
      since: before?.since ?? now,
      lastAt: now,
      count,
      evidence: text.slice(0, MAX_EVIDENCE),
      isTold: count >= NEEDED[habit].signs || before?.isTold === true,
      good: 0,
      ...(usualMs !== undefined && { usualMs }),
    };
    notes.set(habit, note);
    const isNews = note.isTold && before?.isTold !== true;
    if (isNews) this.#tell(key, habit, `${hindranceText(habit)}: ${note.evidence}`);
    this.#keep(key, note, isNews);
  }

  #good(key: string, known: Known, habit: Hindrance, now: number): void {
    const note = known.notes.get(habit);
    if (note === undefined || note.lastAt === now) return;
    const good = note.good + 1;
    const quietMs = now - note.lastAt;
    if (quietMs >= OVER_MS || (quietMs >= DAY_MS && good >= OVER_AFTER_GOOD))
      this.#over(key, known, habit);
    else known.notes.set(habit, { ...note, good });
  }

  #over(key: string, { notes }: Known, habit: Hindrance): void {
    const note = notes.get(habit);
    if (note === undefined) return;
    notes.delete(habit);
    const name = noteKey(key, habit);
    this.#writtenAt.delete(name);
    this.#guard(this.#options.map.delete(NAMESPACE, name));
    if (note.isTold) this.#tell(key, habit, 'does so no more', 'info');
  }

  #tell(key: string, habit: Hindrance, text: string, level?: 'info'): void {
    const { log, domains } = this.#options;
    log.emit('dest.habit', { dest: key, domains: domains(key), habit, text }, level);
  }

  #keep(key: string, note: Note, isNews: boolean): void {
    const name = noteKey(key, note.habit);
    const isRecent = note.lastAt - (this.#writtenAt.get(name) ?? -Infinity) < REFRESH_MS;
    if (isRecent && !isNews) return;
    this.#writtenAt.set(name, note.lastAt);
    const value = Buffer.from(JSON.stringify(note));
    this.#guard(this.#options.map.put(NAMESPACE, name, value, KEEP_MS));
  }

  #of(key: string): Known {
    const known = this.#known.get(key) ?? fresh();
    // Taken out and put in again, so that the map's order is the order they were seen in.
    this.#known.delete(key);
    const oldest = this.#known.size < MAX_KNOWN ? undefined : this.#known.keys().next().value;
    if (oldest !== undefined) this.#forget(oldest);
    this.#known.set(key, known);
    return known;
  }

  #forget(key: string): void {
    this.#known.delete(key);
    for (const habit of HABITS) this.#writtenAt.delete(noteKey(key, habit));
  }

  #restore(key: string, note: Note): void {
    const known = this.#of(key);
    known.notes.set(note.habit, note);
    if (note.habit === 'tarpits') known.times = new ReplyTimes(note.usualMs);
  }

  /** A note that is lost is found out again. */
  #guard(step: Promise<unknown>): void {
    step.catch((error: unknown) =>
      this.#options.log.emit('store.error', { err: errorText(error) }),
    );
  }
}

function fresh(): Known {
  return { notes: new Map(), times: new ReplyTimes(), beside: undefined };
}

function noteKey(key: string, habit: Hindrance): string {
  return `${key} ${habit}`;
}

/** `5.2 s`, `40 ms` */
function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function decode(bytes: Uint8Array): Note | undefined {
  try {
    const note = JSON.parse(Buffer.from(bytes).toString()) as Partial<Note>; // stored by us
    const habit = HABITS.find((one) => one === note.habit);
    const { since, lastAt, count, evidence, isTold, good, usualMs } = note;
    if (habit === undefined || typeof since !== 'number' || typeof lastAt !== 'number')
      return undefined;
    if (typeof count !== 'number' || typeof evidence !== 'string') return undefined;
    return {
      ...{ habit, since, lastAt, count, evidence, isTold: isTold === true },
      good: typeof good === 'number' ? good : 0,
      ...(typeof usualMs === 'number' && { usualMs }),
    };
  } catch {
    return undefined; // found out again
  }
}
