/** The places of several terms as one stream, in order, each once, in pages. */
import type { Database } from './database.ts';
import { placeInTermKey, termRange } from './record-keys.ts';
import type { Places } from './record-keys.ts';

const PAGE = 100;

interface Stream {
  readonly pages: AsyncIterator<readonly string[]>;
  page: readonly string[];
  /** Of the key in `page` that is next. */
  at: number;
  ended: boolean;
}

export async function* mergedPlaces(
  database: Database,
  terms: readonly string[],
  places: Places,
): AsyncGenerator<readonly string[]> {
  const streams = terms.map((term): Stream => {
    const keys = database.keys(termRange(term, places));
    return { pages: keys[Symbol.asyncIterator](), page: [], at: 0, ended: false };
  });
  try {
    let page: string[] = [];
    let last = '';
    for (;;) {
      for (const stream of streams) {
        if (stream.at === stream.page.length && !stream.ended) await turn(stream);
      }
      const next = lowest(streams);
      if (next === undefined) break;
      if (next !== last) page.push(next);
      last = next;
      if (page.length === PAGE) {
        yield page;
        page = [];
      }
    }
    if (page.length > 0) yield page;
  } finally {
    for (const { pages } of streams) await pages.return?.();
  }
}

async function turn(stream: Stream): Promise<void> {
  const { value, done } = await stream.pages.next();
  stream.ended = done === true;
  stream.page = done === true ? [] : value;
  stream.at = 0;
}

/** Takes the lowest place of all streams. */
function lowest(streams: readonly Stream[]): string | undefined {
  let best: Stream | undefined;
  let place = '';
  for (const stream of streams) {
    const key = stream.page[stream.at];
    if (key === undefined) continue;
    const own = placeInTermKey(key);
    if (best === undefined || own < place) [best, place] = [stream, own];
  }
  if (best === undefined) return undefined;
  best.at += 1;
  return place;
}
