/**
 * How many messages each destination has, waiting and held, and how many bytes. A tally is written in
 * the batch that changes it, so it is as durable and as true as the index, and the store opens
 * without reading the index. `change` counts at once: totals are ahead of the disk by what is being
 * written.
 */
import type { SpoolTotals } from '../spool-store.ts';
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
}

const PREFIX = 'n!';
const NOTHING: Readonly<Tally> = { queued: 0, queuedBytes: 0, held: 0, heldBytes: 0 };

export class Tallies {
  readonly #byDest = new Map<string, Tally>();
  readonly #all: Tally = { ...NOTHING };

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
    const before = this.#byDest.get(dest) ?? NOTHING;
    this.#all.queued += tally.queued - before.queued;
    this.#all.queuedBytes += tally.queuedBytes - before.queuedBytes;
    this.#all.held += tally.held - before.held;
    this.#all.heldBytes += tally.heldBytes - before.heldBytes;
    if (isNothing(tally)) this.#byDest.delete(dest);
    else this.#byDest.set(dest, tally);
    return this.#op(dest);
  }

  of(dest: string): Readonly<Tally> {
    return this.#byDest.get(dest) ?? NOTHING;
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

  #add({ dest, dueAt, bytes }: Standing, sign: 1 | -1): void {
    const { queued, queuedBytes, held, heldBytes } = this.of(dest);
    const isHeld = dueAt === undefined;
    this.set(dest, {
      queued: Math.max(0, queued + (isHeld ? 0 : sign)),
      queuedBytes: Math.max(0, queuedBytes + (isHeld ? 0 : sign * bytes)),
      held: Math.max(0, held + (isHeld ? sign : 0)),
      heldBytes: Math.max(0, heldBytes + (isHeld ? sign * bytes : 0)),
    });
  }

  #op(dest: string): WriteOp {
    const tally = this.#byDest.get(dest);
    const key = tallyKey(dest);
    if (tally === undefined) return { type: 'del', key };
    return { type: 'put', key, value: encodeProven({ v: 1, ...tally }) };
  }
}

function isNothing({ queued, queuedBytes, held, heldBytes }: Tally): boolean {
  return queued === 0 && queuedBytes === 0 && held === 0 && heldBytes === 0;
}

function tallyOf(json: read.Json): Tally {
  read.oneOf(json['v'], [1]);
  return {
    queued: read.count(json['queued']),
    queuedBytes: read.count(json['queuedBytes']),
    held: read.count(json['held']),
    heldBytes: read.count(json['heldBytes']),
  };
}
