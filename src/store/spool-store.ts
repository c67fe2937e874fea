/**
 * The spool: messages that are ours. Its promises, for every engine:
 *
 * 1. `commit` resolved: the message survives a power cut. Rejected: no part of it is ever delivered.
 * 2. A record exists exactly if the message is ours; one state change is one atomic durable step.
 * 3. A claim gives each due message to exactly one caller, as a lease with a fencing token that is
 *    never used again. Nothing stored says "in progress": a crash ends all claims of this engine's
 *    process, or they run out.
 * 4. A step with a stale token changes nothing and says so (`false`).
 * 5. A failed write makes the store suspect: everything later rejects with `STORE_FAILED`.
 */
import type { Address } from '../mail/address.ts';
import type { Content } from '../mail/content.ts';
import type { SpoolEntry } from '../mail/spool-entry.ts';
import type { Cut } from '../mail/trace-fields.ts';
import type { DestinationHold } from './destination-hold.ts';

export interface Held {
  readonly id: string;
  readonly token: bigint;
}

export interface Lease extends Held {
  readonly entry: SpoolEntry;
  readonly dueAt: number;
}

export interface Summary {
  readonly entry: SpoolEntry;
  /** When it is tried next; undefined while held. */
  readonly dueAt: number | undefined;
  /** Somebody holds a lease on it now. */
  readonly active: boolean;
}

/** Work of one destination, cheap to ask for. */
export interface DestinationBacklog {
  readonly dest: string;
  /** Messages that are not held, leased ones included. */
  readonly messages: number;
  /**
   * From when on a claim may find something: the earliest due message, or the end of a lease.
   * Never later than the truth; may be earlier, until a claim has looked. Infinite while the
   * destination is held until somebody ends it.
   */
  readonly nextDueAt: number;
}

export interface DamagedDest {
  readonly dest: string;
  /** When it was found. */
  readonly since: number;
}

export interface SpoolTotals {
  readonly queued: number;
  readonly held: number;
  readonly bytes: number;
}

export interface ClaimOptions {
  readonly dest: string;
  readonly n: number;
  readonly leaseMs: number;
  readonly early?: boolean;
  readonly fresh?: boolean;
}

export interface QuarantineTotals {
  readonly messages: number;
  readonly bytes: number;
}

export interface ScanOptions {
  readonly after?: string;
  readonly limit: number;
  /** What waits for its time, or what is held or in quarantine; the others are not even read. */
  readonly only?: 'waiting' | 'held';
}

/** A message that comes with a step on another one, if that is done; one that is stored already is passed over. */
export interface NewMail {
  readonly entry: SpoolEntry;
  readonly dueAt: number;
  readonly content: Content;
}

export interface SpoolStep {
  readonly held: Held;
  readonly entry: SpoolEntry;
  readonly dueAt: number;
  readonly mail?: readonly NewMail[];
}

export interface Completion extends Held {
  readonly mail?: readonly NewMail[];
}

export interface CommitOptions {
  /** The caller's word that this id was never handed to the store: nobody looks for it there. */
  readonly isNew?: boolean;
}

export interface SpoolStore {
  /**
   * Makes the message durable, due at `dueAt`; an entry with a `hold` is never due. Idempotent by
   * id, unless it is new: a second commit of a stored id proves durability anew and changes nothing.
   * Rejects with `STORE_FULL` or `STORE_FAILED`.
   */
  commit(
    entry: SpoolEntry,
    dueAt: number,
    content: Content,
    options?: CommitOptions,
  ): Promise<void>;
  /**
   * Up to `n` messages of `dest` due by now, oldest due first, leased to the caller. With `early`
   * also those whose time has not come, for a destination that is back. With `fresh` those come
   * first, the newest before the others, that were due when they were committed in this run and that
   * nobody has claimed or changed since; the last thousand of a destination are known. Nothing of a
   * destination that is held.
   */
  claim(options: ClaimOptions): Promise<Lease[]>;
  /** The stored content. Rejects with `STORE_DAMAGED` when length or digest differ. */
  readContent(id: string): AsyncIterable<Uint8Array>;
  renew(held: readonly Held[], leaseMs: number): Promise<boolean[]>;
  /**
   * Ends the lease: replaces the entry (recipients that are left) and sets the next time. Its `mail`
   * comes in the same atomic step. This and the other steps that bring mail reject with `STORE_FULL` or
   * `STORE_DAMAGED`, with nothing changed, when it cannot be stored.
   */
  reschedule(steps: readonly SpoolStep[]): Promise<boolean[]>;
  /**
   * Ends the lease: record and content go together. This and the other steps on `held` take a
   * token for as long as nobody else was given the message, even when the lease has run out.
   */
  complete(held: readonly Completion[]): Promise<boolean[]>;
  /** Gives leases back unchanged, for a clean stop or a destination that went down. */
  release(held: readonly Held[]): Promise<boolean[]>;
  /** Destinations with waiting messages; held ones do not count. */
  backlog(): DestinationBacklog[];
  /** Of one destination, or of all; what is being written counts already. */
  totals(dest?: string): SpoolTotals;
  /** What filters keep; it counts in nothing else. */
  quarantined(dest?: string): QuarantineTotals;
  get(id: string): Promise<Summary | undefined>;
  /** Entries in id order, in pages: start behind `after`. */
  scan(options: ScanOptions): Promise<Summary[]>;
  /**
   * An operator's step on one message: `false` when it is gone or leased to somebody right now, or
   * is not any more what the step says it was `seen` as.
   * `due` makes it due at once, for `dest` if that is given (and drops a hold when `release`),
   * `hold` takes it out of the schedule, `judged` ends what filters had still to judge of it (of any
   * other message it changes nothing) and has its content read otherwise from then on, `told` notes that its sender knows of the delay, `part` ends
   * it for recipients who get it in a message of their own (without one left it is removed), `remove`
   * deletes it without any notice. What it brings as `mail` comes in the same atomic step.
   */
  administer(id: string, step: AdminStep, mail?: readonly NewMail[]): Promise<boolean>;
  /**
   * Messages whose record was found damaged by any step of this run; `scan` passes them by, and after
   * a scan of all none is missing here. They are not delivered; `remove` is all that can be done.
   */
  damaged(): string[];
  /**
   * Destinations of whose order of waiting messages a part was found unreadable in this run: some of
   * their messages are not claimed until the store has been repaired, all others are.
   */
  damagedDests(): DamagedDest[];
  /**
   * Holds a destination: from when it resolves, and over restarts, claims skip it, early ones too.
   * What is leased already goes on. A later hold of the same destination replaces it. Rejects with
   * LIMIT beyond `MAX_HOLDS`.
   */
  holdDest(hold: DestinationHold): Promise<void>;
  /** Ends a hold and says whether there was one. */
  resumeDest(dest: string): Promise<boolean>;
  /** The holds that are not over. */
  heldDests(): DestinationHold[];
  start(): Promise<void>;
  /** All leases end with it: what was claimed may be claimed at once after the next start. */
  stop(): Promise<void>;
}

/** How a stored content reads in place of the way it came. */
export interface Edit {
  /** Bytes before all others. */
  readonly top: Uint8Array;
  /** Ranges of the stored bytes that are left out, in rising order. */
  readonly cuts: readonly Cut[];
}

/** `seen`: what the step was decided upon, and what its mail speaks of; without it, whatever it is now. */
export type AdminStep = Change & { readonly seen?: SpoolEntry };

type Change =
  | {
      readonly kind: 'due';
      readonly release: boolean;
      readonly expiresAt?: number;
      readonly dest?: string;
    }
  | { readonly kind: 'hold'; readonly hold: NonNullable<SpoolEntry['hold']> }
  | {
      readonly kind: 'judged';
      readonly edit: Edit;
      /** Of the content as it reads from then on. */
      readonly sizeBytes: number;
      readonly changes?: Partial<Pick<SpoolEntry, 'senderProven' | 'mailClass' | 'expiresAt'>>;
      /** What keeps it from then on; without it, it is due at once. */
      readonly hold?: NonNullable<SpoolEntry['hold']>;
    }
  | { readonly kind: 'told'; readonly delayToldAt: number }
  | { readonly kind: 'part'; readonly recipients: readonly Address[] }
  | { readonly kind: 'remove' };
