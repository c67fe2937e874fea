/**
 * The messages of one destination that came last and that nobody has claimed yet, newest first, so
 * that new mail need not wait behind a long queue. Each of them lies in the due index as well; what
 * is not remembered here, beyond a bound or after a restart, comes in the order of the index. Pure.
 */
import type { Place } from './keys.ts';

/** New mail that piles up beyond this is a queue like any other. */
const MAX_FRESH = 1000;

export class FreshPlaces {
  /** Oldest first; those that are gone from `#known` have been claimed or have left. */
  #order: string[] = [];
  readonly #known = new Map<string, Place>();

  add(place: Place): void {
    this.#known.set(place.id, place);
    this.#order.push(place.id);
    if (this.#order.length < 2 * MAX_FRESH) return;
    const kept = this.#order.filter((id) => this.#known.has(id));
    for (const id of kept.splice(0, kept.length - MAX_FRESH)) this.#known.delete(id);
    this.#order = kept;
  }

  remove(id: string): void {
    this.#known.delete(id);
    if (this.#known.size === 0) this.#order.length = 0;
  }

  /** Takes the newest if it is due at `dueAt` or before. */
  take(dueAt: number): Place | undefined {
    for (let id = this.#order.at(-1); id !== undefined; id = this.#order.at(-1)) {
      const place = this.#known.get(id);
      if (place !== undefined && place.dueAt > dueAt) return undefined;
      this.#order.pop();
      this.#known.delete(id);
      if (place !== undefined) return place;
    }
    return undefined;
  }
}
