/**
 * Calendar windows in a time zone: from when to when the minute, hour, day, week (from Monday) and
 * month last that a moment lies in. Days begin at the first instant of their date, which need not be
 * midnight where the clock is put forward then, and have 23 or 25 hours where it changes. Hours and
 * minutes are those of the wall clock, so the hour that comes twice is two windows.
 */
export const WINDOWS = ['minute', 'hour', 'day', 'week', 'month'] as const;
export type CounterWindow = (typeof WINDOWS)[number];

export interface Span {
  readonly start: number;
  /** The first moment that is not in it. */
  readonly end: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Zones in use at once are few; beyond this the memory begins anew. */
const MAX_ZONES = 1000;

interface Zone {
  readonly format: Intl.DateTimeFormat;
  /** The spans found last: nearly every question is about the same ones. */
  readonly spans: Map<CounterWindow, Span>;
}

export class Calendar {
  readonly #zones = new Map<string, Zone>();

  /** Throws a RangeError when the zone is none. */
  span(timeZone: string, window: CounterWindow, at: number): Span {
    const zone = this.#zone(timeZone);
    const known = zone.spans.get(window);
    if (known !== undefined && known.start <= at && at < known.end) return known;
    const span = spanOf((time) => wallClock(zone.format, time), window, at);
    zone.spans.set(window, span);
    return span;
  }

  #zone(timeZone: string): Zone {
    const known = this.#zones.get(timeZone);
    if (known !== undefined) return known;
    if (this.#zones.size >= MAX_ZONES) this.#zones.clear();
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    const zone = { format, spans: new Map<CounterWindow, Span>() };
    this.#zones.set(timeZone, zone);
    return zone;
  }
}

/** What the wall clock shows, as if it were UTC. */
type Wall = (time: number) => number;

function wallClock(format: Intl.DateTimeFormat, time: number): number {
  const shown = new Map<string, number>();
  for (const { type, value } of format.formatToParts(time)) shown.set(type, Number(value));
  const part = (name: string) => shown.get(name) ?? 0;
  const seconds = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  );
  return seconds + (((time % 1000) + 1000) % 1000);
}

function spanOf(wall: Wall, window: CounterWindow, at: number): Span {
  switch (window) {
    case 'minute':
      return within(wall, at, MINUTE_MS);
    case 'hour':
      return within(wall, at, HOUR_MS);
    case 'day': {
      const day = dayOf(wall, at);
      return days(wall, at, day, day + 1);
    }
    case 'week': {
      const day = dayOf(wall, at);
      const monday = day - ((day + 3) % 7); // day 0, 1 January 1970, was a Thursday
      return days(wall, at, monday, monday + 7);
    }
    case 'month': {
      const date = new Date(dayOf(wall, at) * DAY_MS);
      const first = (month: number) => Date.UTC(date.getUTCFullYear(), month, 1) / DAY_MS;
      return days(wall, at, first(date.getUTCMonth()), first(date.getUTCMonth() + 1));
    }
    default:
      return window satisfies never;
  }
}

function within(wall: Wall, at: number, length: number): Span {
  const start = at - (wall(at) % length);
  return { start, end: start + length };
}

/** Days since 1 January 1970 by the wall clock. */
function dayOf(wall: Wall, time: number): number {
  return Math.floor(wall(time) / DAY_MS);
}

/** From the beginning of one local day to that of another, around `at`. */
function days(wall: Wall, at: number, first: number, behind: number): Span {
  const day = dayOf(wall, at);
  // A local day is never longer or shorter than a real one by more than a day.
  return {
    start: beginning(wall, first, at - (day - first + 2) * DAY_MS, at),
    end: beginning(wall, behind, at, at + (behind - day + 2) * DAY_MS),
  };
}

/** The first instant whose local day is `day` or later; `before` is not, `after` is. */
function beginning(wall: Wall, day: number, before: number, after: number): number {
  let low = before;
  let high = after;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (dayOf(wall, middle) >= day) high = middle;
    else low = middle;
  }
  return high;
}
