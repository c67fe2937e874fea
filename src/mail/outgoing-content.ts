/**
 * Content as it goes on: our fields on top, then what came in, byte for byte, but for the ranges
 * that are cut out. A view: nothing is copied, the bytes are put together while they are read.
 */
import type { Content } from './content.ts';
import { readChunks } from './content.ts';
import type { Cut } from './trace-fields.ts';

/** `cuts` are in rising order and do not overlap. */
export function outgoingContent(top: Uint8Array, content: Content, cuts: readonly Cut[]): Content {
  const cutBytes = cuts.reduce((sum, cut) => sum + cut.end - cut.start, 0);
  const sizeBytes = top.length + content.sizeBytes - cutBytes;
  const isWhole = cuts.length === 0;
  const chunks = content.chunks && [
    top,
    ...(isWhole ? content.chunks : content.chunks.flatMap(cutter(cuts))),
  ];
  const { file } = content;
  return {
    sizeBytes,
    ...(chunks === undefined ? {} : { chunks }),
    ...(isWhole && file && { file: { ...file, before: Buffer.concat([top, file.before]) } }),
    read: () => (chunks === undefined ? readCut(top, content, cuts) : readChunks(chunks)),
  };
}

async function* readCut(
  top: Uint8Array,
  content: Content,
  cuts: readonly Cut[],
): AsyncGenerator<Uint8Array> {
  yield top;
  const cut = cutter(cuts);
  for await (const chunk of content.read()) yield* cut(chunk);
}

/** A function that is fed consecutive chunks and returns what is left of each. */
function cutter(cuts: readonly Cut[]): (chunk: Uint8Array) => Uint8Array[] {
  let position = 0;
  return (chunk) => {
    const start = position;
    position += chunk.length;
    if (cuts.every((cut) => cut.end <= start || cut.start >= position)) return [chunk];
    const kept: Uint8Array[] = [];
    let at = 0;
    for (const cut of cuts) {
      if (cut.end <= start + at || cut.start >= position) continue;
      if (cut.start > start + at) kept.push(chunk.subarray(at, cut.start - start));
      at = Math.min(chunk.length, cut.end - start);
    }
    if (at < chunk.length) kept.push(chunk.subarray(at));
    return kept;
  };
}
