/**
 * How many messages each destination has, waiting, held and quarantined, and how many bytes. A
 * tally is written in the batch that changes it, once however many messages of the batch do, so it
 * is as durable and as true as the index, and the store opens without reading the index. `change`
 * counts at once: totals are ahead of the disk by what is being written.
 */
import type { QuarantineTotals, SpoolTotals } from '../spool-store.ts';
import type { Database, WriteOp } from './database.ts';
import * as read from './json-shape.ts';
import { destOf, endOf, tallyKey } from './keys.ts';
import { decodeProven, encodeProven } from './proven-json.ts';
import type { Standing } from './schedule.ts';

export interface Tally {
  queued: number;
  queuedBytes: number;
  held: number;
  heldBytes: number;
  quarantined: number;
  quarantinedBytes: number;
}

/** A message left one standing, came to another, or both. */
export interface TallyChange {
  readonly left: Standing | undefined;
  readonly arrived: Standing | undefined;
}

const PREFIX = 'n!';
const MEMBERS = [
  'queued',
  'queuedBytes',
  'held',
  'heldBytes',
  'quarantined',
  'quarantinedBytes',
] as const;
const BYTES_OF = {
  queued: 'queuedBytes',
  held: 'heldBytes',
  quarantined: 'quarantinedBytes',
} as const;

export function noTally(): Tally {
  return {
    queued: 0,
    queuedBytes: 0,
    held: 0,
    heldBytes: 0,
    quarantined: 0,
    quarantinedBytes: 0,
  };
}

/** One message more, or less, of so many bytes. */
export function countOne(
  tally: Tally,
  kind: 'queued' | 'held' | 'quarantined',
  bytes: number,
  sign: 1 | -1 = 1,
): void {
  tally[kind] = Math.max(0, tally[kind] + sign);
  tally[BYTES_OF[kind]] = Math.max(0, tally[BYTES_OF[kind]] + sign * bytes);
}

export function areSame(a: Readonly<Tally>, b: Readonly<Tally>): boolean {
  return MEMBERS.every((name) => a[name] === b[name]);
}

const NONE: Readonly<Tally> = noTally();

export class Tallies {
  readonly #byDest = new Map<string, Tally>();
  /** As the last batch that was begun has them. */
  readonly #written = new Map<string, Tally>();
  readonly #all: Tally = noTally();

  /** Destinations whose tally is damaged; they are counted anew. */
  async load(database: Database): Promise<string[]> {
    const damaged: string[] = [];
    for await (const page of database.entries({ gte: PREFIX, lt: endOf(PREFIX) }))
      for (const [key, value] of page) {
        const dest = destOf(key.slice(PREFIX.length));
        const tally = decodeProven(value, tallyOf);
        if (tally === undefined) damaged.push(dest);
        else this.set(dest, tally);
      }
    return damaged;
  }

  /** Counts; what is returned goes to the group commit with the group that says so. */
  change(left: Standing | undefined, arrived: Standing | undefined): TallyChange {
    if (left !== undefined) this.#add(left, -1);
    if (arrived !== undefined) this.#add(arrived, 1);
    return { left, arrived };
  }

  /** What goes into the batch that makes these changes; batches follow each other in their order. */
  opsOf(changes: readonly TallyChange[]): WriteOp[] {
    const dests = new Set<string>();
    for (const { left, arrived } of changes) {
      if (left !== undefined) dests.add(count(this.#written, left, -1));
      if (arrived !== undefined) dests.add(count(this.#written, arrived, 1));
    }
    return Array.from(dests, (dest) => this.#op(dest));
  }

  set(dest: string, tally: Readonly<Tally>): WriteOp {
    const before = this.of(dest);
    for (const name of MEMBERS) this.#all[name] += tally[name] - before[name];
    for (const tallies of [this.#byDest, this.#written]) keep(tallies, dest, { ...tally });
    return this.#op(dest);
  }

  of(dest: string): Readonly<Tally> {
    return this.#byDest.get(dest) ?? NONE;
  }

  dests(): string[] {
    return [...this.#byDest.keys()];
  }

  /** Of one destination, or of all. */
  totals(dest?: string): SpoolTotals {
    const tally = dest === undefined ? this.#all : this.of(dest);
    const { queued, queuedBytes, held, heldBytes } = tally;
    return { queued, held, bytes: queuedBytes + heldBytes };
  }

  quarantined(dest?: string): QuarantineTotals {
    const { quarantined, quarantinedBytes } = dest === undefined ? this.#all : this.of(dest);
    return { messages: quarantined, bytes: quarantinedBytes };
  }

  #add(standing: Standing, sign: 1 | -1): void {
    const { dest } = standing;
    const kind = kindOf(standing);
    const before = this.of(dest);
    const [messages, bytes] = [before[kind], before[BYTES_OF[kind]]];
    count(this.#byDest, standing, sign);
    const after = this.of(dest);
    this.#all[kind] += after[kind] - messages;
    this.#all[BYTES_OF[kind]] += after[BYTES_OF[kind]] - bytes;
  }

  #op(dest: string): WriteOp {
    const tally = this.#written.get(dest);
    const key = tallyKey(dest);
    if (tally === undefined) return { type: 'del', key };
    return { type: 'put', key, value: encodeProven({ v: 1, ...tally }) };
  }
}

/** Returns the destination whose tally it changes. */
function count(tallies: Map<string, Tally>, standing: Standing, sign: 1 | -1): string {
  const { dest, bytes } = standing;
  const tally = tallies.get(dest) ?? noTally();
  countOne(tally, kindOf(standing), bytes, sign);
  keep(tallies, dest, tally);
  return dest;
}

function keep(tallies: Map<string, Tally>, dest: string, tally: Tally): void {
  if (areSame(tally, NONE)) tallies.delete(dest);
  else tallies.set(dest, tally);
}

function kindOf({ dueAt, isQuarantined = false }: Standing): 'queued' | 'held' | 'quarantined' {
  return dueAt !== undefined ? 'queued' : isQuarantined ? 'quarantined' : 'held';
}

function tallyOf(json: read.Json): Tally {
  read.oneOf(json['v'], [1]);
  return {
    queued: read.count(json['queued']),
    queuedBytes: read.count(json['queuedBytes']),
    held: read.count(json['held']),
    heldBytes: read.count(json['heldBytes']),
    // Not in a tally that was written before there was a quarantine.
    quarantined: read.optional(json['quarantined'], read.count) ?? 0,
    quarantinedBytes: read.optional(json['quarantinedBytes'], read.count) ?? 0,
  };
}
