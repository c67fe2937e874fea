/**
 * JSON Lines: one object a line, streamed, so that a list of any length needs little memory on both
 * sides. The reader takes whole lines only and bounds their length.
 */
import { StringDecoder } from 'node:string_decoder';

export const NDJSON = 'application/x-ndjson; charset=utf-8';

/** Longest line that is read: a message with the most recipients fits many times. */
const MAX_LINE_CHARS = 4 * 1024 * 1024;

/** Rows as text, several to a chunk: one write per row would be most of the work. */
export async function* asLines<T>(rows: AsyncIterable<T> | Iterable<T>): AsyncGenerator<string> {
  let text = '';
  for await (const row of rows) {
    text += `${JSON.stringify(row)}\n`;
    if (text.length >= 16_384) {
      yield text;
      text = '';
    }
  }
  if (text !== '') yield text;
}

/** The lines of a stream without their ends, the last one also when its end is missing. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(Buffer.from(chunk))).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line;
    if (rest.length > MAX_LINE_CHARS) throw new Error('line too long');
  }
  if (rest !== '') yield rest;
}
