/**
 * What is kept in memory of one destination's due index: how many messages wait, and a window of
 * the first ones. The window holds every waiting place before its horizon that nobody has claimed;
 * what lies behind is on disk only and is loaded when the window runs out. So memory stays bounded
 * however long the queue, and a claim reads no key twice. Pure: who loads hands the places in.
 */
import { FreshPlaces } from './fresh-places.ts';
import type { Place } from './keys.ts';

/** Places loaded at once: some claims' worth. */
export const LOAD_PLACES = 1000;
/** When new messages make the window longer than this, its later half goes back to disk only. */
const MAX_PLACES = 4 * LOAD_PLACES;

export class DueWindow {
  /** Messages of this destination that are not held, claimed ones included. */
  messages = 0;
  /** Those of them that came last. */
  readonly fresh = new FreshPlaces();
  /** In order; those before `#head` have been taken. */
  #places: Place[] = [];
  #head = 0;
  /** The first place that may lie on disk only; undefined when all are in the window. */
  #horizon: Place | undefined;

  /** The window of a destination of which nothing is loaded yet, or of a new one. */
  constructor(horizon?: Place) {
    this.#horizon = horizon;
  }

  /** No place is before this time; exact while the window is not empty. */
  nextDueAt(): number {
    return this.#places[this.#head]?.dueAt ?? this.#horizon?.dueAt ?? Infinity;
  }

  /** Where to read on when the window is empty and something at `dueAt` or before may follow. */
  wantsLoad(dueAt: number): Place | undefined {
    if (this.#head < this.#places.length || this.#horizon === undefined) return undefined;
    return this.#horizon.dueAt <= dueAt ? this.#horizon : undefined;
  }

  /** `places` from the horizon on, as on disk; with `more`, the last of them is the new horizon. */
  load(places: readonly Place[], more: boolean): void {
    this.#horizon = more ? places.at(-1) : undefined;
    this.#places = more ? places.slice(0, -1) : [...places];
    this.#head = 0;
  }

  /** Adds a place that is on disk and free. One behind the horizon will be loaded. */
  add(place: Place): void {
    if (this.#horizon !== undefined && !isBefore(place, this.#horizon)) return;
    const index = this.#indexOf(place);
    const there = this.#places[index];
    if (there?.id === place.id && there.dueAt === place.dueAt) return;
    this.#places.splice(index, 0, place);
    if (this.#places.length - this.#head > MAX_PLACES) this.#cut();
  }

  remove(place: Place): void {
    const index = this.#indexOf(place);
    const there = this.#places[index];
    if (there?.id === place.id && there.dueAt === place.dueAt) this.#places.splice(index, 1);
  }

  /** Takes the first place if it is due at `dueAt` or before. */
  take(dueAt: number): Place | undefined {
    const place = this.#places[this.#head];
    if (place === undefined || place.dueAt > dueAt) return undefined;
    this.#head++;
    if (this.#head === LOAD_PLACES || this.#head === this.#places.length) {
      this.#places.splice(0, this.#head);
      this.#head = 0;
    }
    return place;
  }

  /** The index of `place`, or where it belongs. */
  #indexOf(place: Place): number {
    let low = this.#head;
    let high = this.#places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#places[middle];
      if (other !== undefined && isBefore(other, place)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #cut(): void {
    const removed = this.#places.splice(this.#head + MAX_PLACES / 2);
    this.#horizon = removed[0] ?? this.#horizon;
  }
}

/** Ids are ASCII, so comparing them as text is comparing their bytes. */
function isBefore(a: Place, b: Place): boolean {
  return a.dueAt !== b.dueAt ? a.dueAt < b.dueAt : a.id < b.id;
}
