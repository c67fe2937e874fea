/**
 * The health of destinations, a state machine fed by every attempt and every probe:
 *
 * - `up`: it answers;
 * - `slow`: it answers, but takes its time;
 * - `refusing`: it answers with temporary refusals again and again;
 * - `down`: nobody answers.
 *
 * `nextHealth` is the whole machine, a pure function; the book keeps one state per destination, with
 * its last changes and answers, and forgets the destination seen longest ago when it is full.
 */
import type { Clock } from '../base/clock.ts';

export type Observation =
  | { readonly kind: 'answered'; readonly ms: number }
  | { readonly kind: 'temporary'; readonly text: string }
  | { readonly kind: 'unreachable'; readonly text: string };

export interface Health {
  readonly state: 'up' | 'slow' | 'refusing' | 'down';
  /** When it came into this state, milliseconds since the epoch. */
  readonly since: number;
  /** Failures in a row of the kind that was seen last. */
  readonly fails: number;
  readonly lastKind: Observation['kind'];
  readonly lastText: string;
  /** When it was seen last. */
  readonly lastAt: number;
  /** When it last gave a normal answer; undefined when it never did. */
  readonly goodAt: number | undefined;
}

/** From here on an answer is slow. */
const SLOW_MS = 10_000;
/** So many temporary refusals in a row mean that it refuses us, not a message. */
const REFUSALS = 3;
/** One failure to reach it says little when it answered a moment ago, two say it is down. */
const FAILURES = 2;
const MOMENT_MS = 60_000;

export function nextHealth(before: Health | undefined, seen: Observation, now: number): Health {
  const fails =
    seen.kind === 'answered' ? 0 : before?.lastKind === seen.kind ? before.fails + 1 : 1;
  const goodAt = seen.kind === 'answered' ? now : before?.goodAt;
  const state = nextState(before?.state ?? 'up', seen, fails, now - (goodAt ?? -Infinity));
  return {
    state,
    since: before?.state === state ? before.since : now,
    fails,
    lastKind: seen.kind,
    lastText: seen.kind === 'answered' ? '' : seen.text,
    lastAt: now,
    goodAt,
  };
}

function nextState(
  state: Health['state'],
  seen: Observation,
  fails: number,
  sinceGoodMs: number,
): Health['state'] {
  switch (seen.kind) {
    case 'answered':
      return seen.ms >= SLOW_MS ? 'slow' : 'up';
    case 'temporary':
      return state === 'down' || fails >= REFUSALS ? 'refusing' : state;
    case 'unreachable':
      return fails >= FAILURES || sinceGoodMs > MOMENT_MS ? 'down' : state;
  }
}

export interface HealthChange {
  readonly key: string;
  readonly before: Health | undefined;
  readonly now: Health;
}

/** A change of state, and what was seen that changed it. */
export interface Transition {
  readonly at: number;
  readonly state: Health['state'];
  readonly text: string;
}

export interface Seen {
  readonly at: number;
  readonly observation: Observation;
}

/** What is worth keeping of a destination across a restart. */
export interface HealthNote {
  readonly key: string;
  readonly health: Health;
  /** Oldest first. */
  readonly history: readonly Transition[];
}

interface Known {
  health: Health;
  history: readonly Transition[];
  /** Oldest first. */
  readonly answers: Seen[];
}

/** More destinations than a configuration has; the one seen longest ago is forgotten. */
const MAX_DESTINATIONS = 100_000;
/** Enough to see a bad week; a destination that changes more often is one bad day. */
const MAX_HISTORY = 20;
const MAX_ANSWERS = 5;
/** An answer is the destination's text: what is kept of it is bounded. */
const MAX_TEXT = 300;

export class HealthBook {
  readonly #clock: Clock;
  readonly #onChange: (change: HealthChange) => void;
  readonly #onDoubt: (key: string) => void;
  readonly #destinations = new Map<string, Known>();

  /** Both hear at once: `onChange` of each change of state, `onDoubt` whenever it was out of reach. */
  constructor(
    clock: Clock,
    onChange: (change: HealthChange) => void,
    onDoubt: (key: string) => void = () => undefined,
  ) {
    this.#clock = clock;
    this.#onChange = onChange;
    this.#onDoubt = onDoubt;
  }

  /** As it was when the gateway stopped: an outage goes on, and nobody is told of it again. */
  restore(notes: readonly HealthNote[]): void {
    for (const { key, health, history } of notes) {
      if (this.#destinations.size >= MAX_DESTINATIONS) return;
      this.#destinations.set(key, { health, history, answers: [] });
    }
  }

  observe(key: string, seen: Observation): void {
    const known = this.#destinations.get(key);
    const before = known?.health;
    const at = this.#clock.now();
    const now = nextHealth(before, seen, at);
    const isChange = now.state !== (before?.state ?? 'up');
    let { history = [] } = known ?? {};
    if (isChange) {
      const text = seen.kind === 'answered' ? '' : seen.text.slice(0, MAX_TEXT);
      history = [...history, { at, state: now.state, text }].slice(-MAX_HISTORY);
    }
    const { answers = [] } = known ?? {};
    answers.push({ at, observation: seen });
    if (answers.length > MAX_ANSWERS) answers.shift();
    // Taken out and put in again, so that the map's order is the order they were seen in.
    this.#destinations.delete(key);
    if (this.#destinations.size >= MAX_DESTINATIONS) this.#forgetOldest();
    this.#destinations.set(key, { health: now, history, answers });
    if (isChange) this.#onChange({ key, before, now });
    if (seen.kind === 'unreachable') this.#onDoubt(key);
  }

  view(key: string): Health | undefined {
    return this.#destinations.get(key)?.health;
  }

  isDown(key: string): boolean {
    return this.#destinations.get(key)?.health.state === 'down';
  }

  note(key: string): HealthNote | undefined {
    const known = this.#destinations.get(key);
    return known && { key, health: known.health, history: known.history };
  }

  /** What was seen last, oldest first. */
  answers(key: string): readonly Seen[] {
    return this.#destinations.get(key)?.answers.slice() ?? [];
  }

  /** Every destination heard of, the one seen last at the end. */
  list(): readonly { readonly key: string; readonly health: Health }[] {
    return [...this.#destinations].map(([key, { health }]) => ({ key, health }));
  }

  #forgetOldest(): void {
    for (const oldest of this.#destinations.keys()) {
      this.#destinations.delete(oldest);
      return;
    }
  }
}
