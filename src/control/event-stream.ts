/**
 * The live events as a stream of JSON Lines for one reader. A reader that is too slow loses events
 * and is told how many; the gateway never waits for it and never keeps more than a bound for it.
 */
import { Readable } from 'node:stream';
import type { Level } from '../base/log.ts';
import type { LiveFeed } from './live-feed.ts';
import { eventRow } from './rows.ts';

/** Bytes that wait for a slow reader before events are left out. */
const MAX_WAITING_BYTES = 256 * 1024;
const SHOWN: ReadonlySet<Level> = new Set(['fatal', 'error', 'warn', 'info']);

/** Undefined when there are too many readers. The stream ends when it is destroyed. */
export function followEvents(feed: Pick<LiveFeed, 'subscribe'>): Readable | undefined {
  let dropped = 0;
  let leave: (() => void) | undefined;
  const push = (row: object) => stream.push(`${JSON.stringify(row)}\n`);
  const stream = new Readable({
    highWaterMark: MAX_WAITING_BYTES,
    // There is room again.
    read() {
      if (dropped === 0) return;
      push({ v: 1, kind: 'dropped', count: dropped });
      dropped = 0;
    },
    destroy(error, done) {
      leave?.();
      done(error);
    },
  });
  leave = feed.subscribe((event) => {
    if (!SHOWN.has(event.level)) return;
    if (stream.readableLength >= MAX_WAITING_BYTES) dropped += 1;
    else push(eventRow(event));
  });
  return leave === undefined ? undefined : stream;
}
