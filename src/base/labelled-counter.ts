/**
 * Counts by labels for hot paths: a map for each label and no allocation, where the metrics library
 * makes a text of all labels anew every time. The library is told the counts when somebody asks.
 */
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

/** A word of a closed list; what is none becomes `other`. */
const WORD = /^[\w.:+-]{1,80}$/;

/** What was counted under some labels, the first ones of all. */
export class Counts {
  #count = 0;
  readonly #next = new Map<string, Counts>();

  inc(by = 1): void {
    this.#count += by;
  }

  /** Under these labels and one more. */
  at(value: string): Counts {
    let next = this.#next.get(value);
    if (next === undefined) this.#next.set(value, (next = new Counts()));
    return next;
  }

  /** The same for what must be a word: it is one when it was counted before. */
  atWord(value: unknown, absent?: string): Counts {
    const known = typeof value === 'string' ? this.#next.get(value) : undefined;
    return known ?? this.at(word(value, absent));
  }

  /** The counts under all labels, of which there are so many more. */
  *counts(more: number, values: readonly string[] = []): Generator<[readonly string[], number]> {
    if (more === 0) yield [values, this.#count];
    else for (const [value, next] of this.#next) yield* next.counts(more - 1, [...values, value]);
  }
}

/** A counter whose labels are given one after the other: `at(...).at(...).inc()`. */
export function labelledCounter(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
): Counts {
  const counts = new Counts();
  new Counter({
    name: `sluice_${name}`,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      for (const [values, count] of counts.counts(labelNames.length)) {
        this.labels(...values).inc(count);
      }
    },
  });
  return counts;
}

export function word(value: unknown, absent = 'other'): string {
  if (value === undefined) return absent;
  return typeof value === 'string' && WORD.test(value) ? value : 'other';
}
