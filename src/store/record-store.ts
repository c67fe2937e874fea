/**
 * Records of what happened to mail: what the trace is searched in. Its promises, for every engine:
 *
 * 1. A record is the segments that were appended under one id, in the order they came; it is never
 *    changed, only added to, and goes with its day. The day is that of its id.
 * 2. A segment is found by each of its terms, as soon as `append` has resolved. Terms that later
 *    segments revoke are found no more.
 * 3. `search` gives candidates, newest first (in the order of their ids, backwards): all that have
 *    the terms asked for, and perhaps some that have not. Whoever searches looks at what it got.
 * 4. Appending needs no fsync: the last seconds may be missing after a power cut, never a part of a
 *    segment. Whatever fails here rejects and concerns nobody but the records.
 *
 * The bytes of a segment are not the store's business.
 */
/** One step of adding to a record: what became known of it since the last one. */
export interface RecordSegment {
  /** Message id, or session id for what belongs to no message. */
  readonly id: string;
  /** Of the first thing in it, milliseconds since the epoch. */
  readonly at: number;
  /** `whole`: the only one of its record, as far as anybody knows. `first`: others may follow. */
  readonly place: 'whole' | 'first' | 'later';
  readonly bytes: Uint8Array;
  readonly terms: readonly string[];
  /** Terms of earlier segments that hold no more. */
  readonly revoked: readonly string[];
}

export interface StoredRecord {
  readonly id: string;
  readonly segments: readonly Uint8Array[];
}

export interface FoundRecord extends StoredRecord {
  /** As `RecordDay` says of its day. */
  readonly rewritten: string | undefined;
}

/** A term as it is, or the beginning of terms. */
export type TermMatch = { readonly term: string } | { readonly prefix: string };

/** One of them must match. */
export type Condition = readonly TermMatch[];

export interface RecordDay {
  /** `2026-06-02`, in UTC. */
  readonly day: string;
  readonly bytes: number;
  /** What the last rewrite of the day was called. */
  readonly rewritten: string | undefined;
}

export interface RecordSearch {
  /** All of them must be met, in each day as its form wants it; undefined: nothing there fits. */
  readonly conditions: (day: Omit<RecordDay, 'bytes'>) => readonly Condition[] | undefined;
  /** Milliseconds since the epoch; what a record began with (`at` of its first segment) counts. */
  readonly since?: number;
  readonly until?: number;
  /** Goes on behind this id, downwards. */
  readonly before?: string;
}

/** Makes the new form of a segment; undefined drops it. */
export type SegmentChange = (
  segment: Pick<RecordSegment, 'id' | 'bytes'>,
) => Pick<RecordSegment, 'bytes' | 'terms' | 'revoked'> | undefined;

export interface RecordStore {
  append(segments: readonly RecordSegment[]): Promise<void>;
  /** Ends when the reader goes away. */
  search(search: RecordSearch): AsyncIterable<FoundRecord>;
  /** All records of a session, its own first, at most `limit` of them. */
  session(sid: string, limit: number): Promise<readonly StoredRecord[]>;
  /** Oldest first. */
  days(): Promise<readonly RecordDay[]>;
  /** A day with all its records, at once. */
  drop(day: string): Promise<void>;
  /**
   * Gives all segments of a day a new form, under a name that `days` tells from then on; what was
   * before is gone from the disk. A step at a time with `pause` between; when it breaks off, the day
   * is as it was. What is appended meanwhile takes part.
   */
  rewrite(
    day: string,
    name: string,
    change: SegmentChange,
    pause: () => Promise<void>,
  ): Promise<void>;
  close(): Promise<void>;
}
