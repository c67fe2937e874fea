/**
 * How many messages each destination has, waiting, held and quarantined, and how many bytes. A
 * tally is written in the batch that changes it, so it is as durable and as true as the index, and
 * the store opens without reading the index. `change` counts at once: totals are ahead of the disk
 * by what is being written.
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

const PREFIX = 'n!';
const MEMBERS = [
  'queued',
  'queuedBytes',
  'held',
  'heldBytes',
  'quarantined',
  'quarantinedBytes',
] as const;

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
  tally[`${kind}Bytes`] = Math.max(0, tally[`${kind}Bytes`] + sign * bytes);
}

export function areSame(a: Readonly<Tally>, b: Readonly<Tally>): boolean {
  return MEMBERS.every((name) => a[name] === b[name]);
}

export class Tallies {
  readonly #byDest = new Map<string, Tally>();
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

  /** A message left one standing, came to another, or both; what goes into the batch that says so. */
  change(left: Standing | undefined, arrived: Standing | undefined): WriteOp[] {
    if (left !== undefined) this.#add(left, -1);
    if (arrived !== undefined) this.#add(arrived, 1);
    const dests = new Set([left, arrived].flatMap((standing) => standing?.dest ?? []));
    return [...dests].map((dest) => this.#op(dest));
  }

  set(dest: string, tally: Tally): WriteOp {
    this.#keep(dest, tally);
    return this.#op(dest);
  }

  of(dest: string): Readonly<Tally> {
    return this.#byDest.get(dest) ?? noTally();
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

  #add({ dest, dueAt, bytes, isQuarantined = false }: Standing, sign: 1 | -1): void {
    const tally = { ...this.of(dest) };
    const kind = dueAt !== undefined ? 'queued' : isQuarantined ? 'quarantined' : 'held';
    countOne(tally, kind, bytes, sign);
    this.#keep(dest, tally);
  }

  #keep(dest: string, tally: Tally): void {
    const before = this.of(dest);
    for (const name of MEMBERS) this.#all[name] += tally[name] - before[name];
    if (areSame(tally, noTally())) this.#byDest.delete(dest);
    else this.#byDest.set(dest, tally);
  }

  #op(dest: string): WriteOp {
    const tally = this.#byDest.get(dest);
    const key = tallyKey(dest);
    if (tally === undefined) return { type: 'del', key };
    return { type: 'put', key, value: encodeProven({ v: 1, ...tally }) };
  }
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
