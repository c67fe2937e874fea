/**
 * Where questions to the DNS wait for their turn: so many are open at one time, so many more wait, and
 * beyond that none is taken. There are two lines, one for zones that answered when they were asked last
 * and one for all others: however many new names strangers let us ask for, on which nobody answers, the
 * zones that mail lives from keep their places. Within a line zones share: one gets one more only while
 * it has fewer than are free.
 */
import { SharedPlaces } from '../base/shared-places.ts';

interface Line {
  readonly places: SharedPlaces;
  /** Questions of each zone, open or waiting. */
  readonly asked: Map<string, number>;
  readonly most: number;
  total: number;
}

export interface Turn {
  /** Begins when there is a place. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Nobody waits for it any more; to be called once. */
  leave(): void;
}

const MAX_OPEN = 200;
const MAX_OPEN_OF_OTHERS = 100;
const MAX_WAITING = 2_000;
/** Zones that have answered; the one that did so longest ago is forgotten. */
const MAX_ANSWERING = 10_000;

export class QuestionLines {
  readonly #first = newLine(MAX_OPEN);
  readonly #others = newLine(MAX_OPEN_OF_OTHERS);
  readonly #answering = new Set<string>();

  /** Undefined: too many wait already. */
  enter(zone: string): Turn | undefined {
    const line = this.#answering.has(zone) ? this.#first : this.#others;
    const { places, asked, most } = line;
    const own = asked.get(zone) ?? 0;
    if (own >= most - line.total) return undefined;
    line.total += 1;
    asked.set(zone, own + 1);
    return {
      run: (work) => places.run(zone, work),
      leave: () => {
        line.total -= 1;
        const left = (asked.get(zone) ?? 1) - 1;
        if (left > 0) asked.set(zone, left);
        else asked.delete(zone);
      },
    };
  }

  /** How a question of the zone went that was asked. */
  heard(zone: string, what: 'answer' | 'nothing'): void {
    // Taken out and put in again, so that the order is the one they answered in.
    this.#answering.delete(zone);
    if (what === 'nothing') return;
    for (const oldest of this.#answering) {
      if (this.#answering.size < MAX_ANSWERING) break;
      this.#answering.delete(oldest);
    }
    this.#answering.add(zone);
  }
}

function newLine(open: number): Line {
  return { places: new SharedPlaces(open), asked: new Map(), most: open + MAX_WAITING, total: 0 };
}
