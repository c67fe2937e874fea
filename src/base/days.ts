/** Days in UTC, by which what is kept for a time is kept: `2026-06-02`. */
import { openedAt } from './ids.ts';

const DAY_MS = 86_400_000;

/** The day that the id of a message or session belongs to. */
export function dayOf(id: string): string {
  return dayAt(openedAt(id));
}

export function dayAt(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** When a day begins. */
export function startOfDay(day: string): number {
  return Date.parse(`${day}T00:00:00.000Z`);
}

export function endOfDay(day: string): number {
  return startOfDay(day) + DAY_MS;
}
