/**
 * The RecordStore in memory: the model of the contract, for tests. As simple as can be; every
 * candidate it gives meets the conditions, and nothing survives a restart.
 */
import { dayOf } from '../../base/days.ts';
import { openedAt } from '../../base/ids.ts';
import type {
  Condition,
  FoundRecord,
  RecordDay,
  RecordSearch,
  RecordSegment,
  RecordStore,
  SegmentChange,
  StoredRecord,
} from '../record-store.ts';

interface MemoryRecord {
  /** `at` of its first segment. */
  at: number;
  segments: Uint8Array[];
  readonly terms: Set<string>;
}

export class MemoryRecords implements RecordStore {
  readonly #records = new Map<string, MemoryRecord>();
  readonly #rewritten = new Map<string, string>();

  async append(segments: readonly RecordSegment[]): Promise<void> {
    for (const { id, at, place, bytes, terms, revoked } of segments) {
      let record = this.#records.get(id);
      if (record === undefined) {
        record = { at: place === 'later' ? openedAt(id) : at, segments: [], terms: new Set() };
        this.#records.set(id, record);
      }
      record.segments.push(bytes.slice());
      addTerms(record, terms, revoked);
    }
  }

  async *search(search: RecordSearch): AsyncGenerator<FoundRecord> {
    const { since = -Infinity, until = Infinity, before } = search;
    for (const [id, { at, segments, terms }] of this.#newestFirst()) {
      if (at < since || at > until) continue;
      if (before !== undefined && newestFirst(id, before) <= 0) continue;
      const day = dayOf(id);
      const rewritten = this.#rewritten.get(day);
      const conditions = search.conditions({ day, rewritten });
      if (conditions?.every((condition) => isMet(condition, terms)) !== true) continue;
      yield { id, segments, rewritten };
    }
  }

  async session(sid: string, limit: number): Promise<readonly StoredRecord[]> {
    return [...this.#newestFirst()]
      .filter(([id]) => id === sid || id.startsWith(`${sid}.`))
      .reverse()
      .slice(0, limit)
      .map(([id, { segments }]) => ({ id, segments }));
  }

  async days(): Promise<readonly RecordDay[]> {
    const days = Map.groupBy(this.#records, ([id]) => dayOf(id));
    return [...days]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([day, records]) => ({
        day,
        bytes: records
          .flatMap(([, { segments }]) => segments)
          .reduce((sum, { length }) => sum + length, 0),
        rewritten: this.#rewritten.get(day),
      }));
  }

  async drop(day: string): Promise<void> {
    for (const id of this.#records.keys()) if (dayOf(id) === day) this.#records.delete(id);
    this.#rewritten.delete(day);
  }

  async rewrite(
    day: string,
    name: string,
    change: SegmentChange,
    pause: () => Promise<void>,
  ): Promise<void> {
    await pause();
    const after = new Map<MemoryRecord, ReturnType<SegmentChange>[]>();
    for (const [id, record] of this.#records) {
      if (dayOf(id) !== day) continue;
      after.set(
        record,
        record.segments.map((bytes) => change({ id, bytes })),
      );
    }
    for (const [record, changed] of after) {
      const kept = changed.filter((segment) => segment !== undefined);
      record.segments = kept.map(({ bytes }) => bytes);
      record.terms.clear();
      for (const { terms, revoked } of kept) addTerms(record, terms, revoked);
    }
    this.#rewritten.set(day, name);
  }

  async close(): Promise<void> {
    // nothing is open
  }

  #newestFirst(): [string, MemoryRecord][] {
    return [...this.#records].sort(([a], [b]) => newestFirst(a, b));
  }
}

function addTerms(
  { terms }: MemoryRecord,
  added: readonly string[],
  revoked: readonly string[],
): void {
  for (const term of added) terms.add(term);
  for (const term of revoked) terms.delete(term);
}

function isMet(condition: Condition, terms: ReadonlySet<string>): boolean {
  return condition.some((match) =>
    'term' in match
      ? terms.has(match.term)
      : [...terms].some((term) => term.startsWith(match.prefix)),
  );
}

function newestFirst(a: string, b: string): number {
  const [sidA = '', numberA = '0'] = a.split('.');
  const [sidB = '', numberB = '0'] = b.split('.');
  if (sidA !== sidB) return sidA < sidB ? 1 : -1;
  return Number(numberB) - Number(numberA);
}
