/**
 * The store has messages in the order of their ids as text, so of one session `.10` stands before
 * `.2`. Listings show them as they came: those of one session, which follow each other, are gathered
 * and put in the order of their numbers.
 */
import { compareMessages, sessionOf } from '../base/ids.ts';

/** Of one session at a time in memory; one that has more comes in order by so many. */
const MAX_GATHERED = 10_000;

export async function* asTheyCame<T>(
  all: AsyncIterable<T>,
  idOf: (one: T) => string,
): AsyncGenerator<T> {
  let gathered: T[] = [];
  let session = '';
  for await (const one of all) {
    const its = sessionOf(idOf(one));
    if (its !== session || gathered.length >= MAX_GATHERED) {
      yield* inOrder(gathered, idOf);
      gathered = [];
      session = its;
    }
    gathered.push(one);
  }
  yield* inOrder(gathered, idOf);
}

function inOrder<T>(gathered: T[], idOf: (one: T) => string): T[] {
  return gathered.sort((a, b) => compareMessages(idOf(a), idOf(b)));
}
