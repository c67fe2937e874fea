/**
 * The destinations that are held: a few, so all are in memory, and each change is one synced batch.
 * What is over is forgotten at the next start. A stored one that is damaged holds until somebody ends
 * it, for mail that waits is not lost.
 */
import type { Clock } from '../../base/clock.ts';
import { CodedError } from '../../base/errors.ts';
import type { DestinationHold } from '../destination-hold.ts';
import { isOver, MAX_HOLDS } from '../destination-hold.ts';
import type { Database, WriteOp } from './database.ts';
import type { GroupCommit } from './group-commit.ts';
import * as read from './json-shape.ts';
import { destOf, destHoldKey, endOf } from './keys.ts';
import { decodeProven, encodeProven } from './proven-json.ts';

const PREFIX = 'q!';

export class DestinationHolds {
  readonly #clock: Clock;
  readonly #pump: GroupCommit;
  readonly #holds = new Map<string, DestinationHold>();

  constructor(clock: Clock, pump: GroupCommit) {
    this.#clock = clock;
    this.#pump = pump;
  }

  async open(database: Database): Promise<void> {
    const over: WriteOp[] = [];
    for await (const page of database.entries({ gte: PREFIX, lt: endOf(PREFIX) }))
      for (const [key, value] of page) {
        const dest = destOf(key.slice(PREFIX.length));
        const hold = decode(dest, value);
        if (isOver(hold, this.#clock.now())) over.push({ type: 'del', key });
        else this.#holds.set(dest, hold);
      }
    if (over.length > 0) await this.#pump.write(over);
  }

  of(dest: string): DestinationHold | undefined {
    const hold = this.#holds.get(dest);
    return hold === undefined || isOver(hold, this.#clock.now()) ? undefined : hold;
  }

  all(): DestinationHold[] {
    const now = this.#clock.now();
    return [...this.#holds.values()].filter((hold) => !isOver(hold, now));
  }

  async set(hold: DestinationHold): Promise<void> {
    const { dest } = hold;
    if (!this.#holds.has(dest) && this.#holds.size >= MAX_HOLDS)
      throw new CodedError('LIMIT', `${MAX_HOLDS} destinations are held already`);
    await this.#pump.write([{ type: 'put', key: destHoldKey(dest), value: encode(hold) }], () =>
      this.#holds.set(dest, hold),
    );
  }

  /** Says whether it was held. */
  async end(dest: string): Promise<boolean> {
    const wasHeld = this.of(dest) !== undefined;
    await this.#pump.write([{ type: 'del', key: destHoldKey(dest) }], () =>
      this.#holds.delete(dest),
    );
    return wasHeld;
  }
}

function encode({ at, until, by, text }: DestinationHold): Buffer {
  return encodeProven({ v: 1, at, until, by, text });
}

function decode(dest: string, stored: Uint8Array): DestinationHold {
  const hold = decodeProven(stored, (json) => {
    read.oneOf(json['v'], [1]);
    return {
      dest,
      at: read.number(json['at']),
      ...read.defined({ until: read.optional(json['until'], read.number) }),
      by: read.text(json['by']),
      text: read.text(json['text']),
    };
  });
  const text = 'held; who did it and for how long is damaged';
  return hold ?? { dest, at: 0, by: 'gateway', text };
}
