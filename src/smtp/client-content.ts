/**
 * Content on its way to a peer: dots are stuffed (RFC 5321 4.5.2), everything else passes as it is,
 * in the very buffers it came in; a last line without an end gets one, as DATA wants it. Content
 * with a bare CR or LF is never sent, for a peer might read an end of the message into it; it
 * throws `CONTENT_UNFIT`. Cost is linear however many dots.
 */
import { CodedError } from '../base/errors.ts';
import { LineEnds } from './line-ends.ts';

const DOT = 0x2e;
const DOT_LINE = Buffer.from('\r\n.');
const END = Buffer.from('.\r\n');
const LINE_END_AND_END = Buffer.from('\r\n.\r\n');

export class DotStuffer {
  /** DATA's own CRLF comes before the first chunk. */
  readonly #lines = new LineEnds();

  /** The chunk as it goes on the wire: itself, or a copy when dots had to be added. */
  stuff(chunk: Uint8Array): Uint8Array {
    if (chunk.length === 0) return chunk;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const { tail } = this.#lines;
    if (!this.#lines.take(bytes)) throw unfit();

    const dots: number[] = [];
    if (tail === 'line-end' && bytes[0] === DOT) dots.push(0);
    if (tail === 'cr' && bytes[1] === DOT) dots.push(1);
    for (let at = bytes.indexOf(DOT_LINE); at >= 0; at = bytes.indexOf(DOT_LINE, at + 3)) {
      dots.push(at + 2);
    }
    return dots.length === 0 ? chunk : withDots(bytes, dots);
  }

  /** What goes behind the last chunk. */
  end(): Uint8Array {
    const { tail } = this.#lines;
    if (tail === 'cr') throw unfit();
    return tail === 'text' ? LINE_END_AND_END : END;
  }
}

/** A copy with the dots at the given places doubled. */
function withDots(bytes: Buffer, dots: readonly number[]): Buffer {
  const out = Buffer.allocUnsafe(bytes.length + dots.length);
  let from = 0;
  let to = 0;
  for (const dot of dots) {
    to += bytes.copy(out, to, from, dot);
    out[to++] = DOT;
    from = dot;
  }
  bytes.copy(out, to, from);
  return out;
}

function unfit(): CodedError {
  return new CodedError('CONTENT_UNFIT', 'content holds a bare CR or LF');
}
