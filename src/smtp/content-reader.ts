/**
 * The content of a message out of input chunks (RFC 5321 4.1.1.4, 4.5.2): a byte machine without I/O.
 * Only CRLF.CRLF ends content, and a dot is un-stuffed only behind CRLF. A bare CR or LF is noted and
 * reading goes on to the true end, so nothing that follows can pass for commands. Dots are taken out
 * within the chunk itself: one chunk in, at most one piece out, in time linear to its bytes however
 * many dots there are. Ordinary text is not copied. Beyond the size limit nothing is given out.
 */
import type { ContentFault } from './conversation.ts';
import { hasBareLineEnd } from './line-ends.ts';

const LF = 10;
const CR = 13;
const DOT = 46;
const DOT_LINE = Buffer.from('\r\n.');

type State =
  | 'line-start' // behind CRLF, or at the very beginning
  | 'text'
  | 'cr' // behind a CR within a line
  | 'dot' // behind CRLF "."
  | 'dot-cr' // behind CRLF "." CR
  | 'end';

/** Below this many bytes a loop beats the call of copyWithin. */
const SHORT_MOVE = 48;
/** From this many bytes on, two searches beat a look at each byte. */
const LONG_TEXT = 256;

export class ContentReader {
  readonly #limit: number;
  #state: State = 'line-start';
  #bareLineEnd = false;
  #sizeBytes = 0;
  #readBytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Un-stuffed bytes so far: the size of the message. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }
  /** Bytes as they came, for the bound on what is read in vain. */
  get readBytes(): number {
    return this.#readBytes;
  }
  get isEnded(): boolean {
    return this.#state === 'end';
  }
  get fault(): ContentFault | undefined {
    if (this.#bareLineEnd) return 'bare-line-end';
    return this.#sizeBytes > this.#limit ? 'too-large' : undefined;
  }

  /**
   * Reads a chunk, which it may change. `piece` is what belongs to the message, undefined when that
   * is nothing or the message is at fault; `rest` is what follows the final dot, once it was seen.
   */
  read(chunk: Buffer): { readonly piece: Buffer | undefined; readonly rest: Buffer | undefined } {
    const length = chunk.length;
    let state = this.#state;
    /** Kept bytes lie before `kept`; those from `from` on are kept too but not moved yet. */
    let kept = 0;
    let from = 0;
    let i = 0;
    /** Up to here a line that begins with a dot was looked for. */
    let searched = 0;
    while (i < length && state !== 'end') {
      const byte = chunk[i] ?? 0;
      // Text up to the next line with a dot, or the last line end, is looked at as a whole.
      if (i >= searched && (state === 'text' || (state === 'line-start' && byte !== DOT))) {
        const dotLine = chunk.indexOf(DOT_LINE, i);
        searched = dotLine < 0 ? length : dotLine + DOT_LINE.length;
        const end = dotLine < 0 ? chunk.lastIndexOf(LF) + 1 : dotLine;
        if (end - i >= LONG_TEXT) {
          if (hasBareLineEnd(chunk, i, end)) this.#bareLineEnd = true;
          state = dotLine < 0 && chunk[end - 2] === CR ? 'line-start' : 'text';
          i = end;
          continue;
        }
      }
      switch (state) {
        case 'text':
          // All but a few control characters are ordinary text.
          while (i < length && (chunk[i] ?? 0) > CR) i += 1;
          if (i === length) break;
          if (chunk[i] === CR) state = 'cr';
          else if (chunk[i] === LF) this.#bareLineEnd = true;
          i += 1;
          break;
        case 'cr':
          if (byte === LF) {
            state = 'line-start';
            i += 1;
          } else {
            this.#bareLineEnd = true;
            state = 'text';
          }
          break;
        case 'line-start':
          state = 'text';
          if (byte === DOT) {
            kept = move(chunk, kept, from, i);
            i += 1;
            from = i;
            state = 'dot';
          }
          break;
        case 'dot':
          state = 'text';
          if (byte === CR) {
            i += 1;
            state = 'dot-cr';
          }
          break;
        case 'dot-cr':
          if (byte === LF) {
            i += 1;
            // The CR of the final dot was not content.
            from = i;
            state = 'end';
          } else {
            this.#bareLineEnd = true;
            state = 'text';
          }
          break;
        default:
          state satisfies never;
      }
    }
    // A CR behind a leading dot belongs to nothing yet; if it turns out bare, the message is lost anyway.
    const keptEnd = state === 'dot-cr' ? from : i;
    if (state !== 'end') kept = move(chunk, kept, from, keptEnd);
    this.#state = state;
    this.#sizeBytes += kept;
    this.#readBytes += i;
    const piece = kept === 0 || this.fault !== undefined ? undefined : chunk.subarray(0, kept);
    return { piece, rest: state === 'end' ? chunk.subarray(i) : undefined };
  }
}

/** Moves `from..end` down to `to` within the chunk; returns where it ends there. */
function move(chunk: Buffer, to: number, from: number, end: number): number {
  const count = end - from;
  if (to === from || count === 0) return to + count;
  if (count > SHORT_MOVE) chunk.copyWithin(to, from, end);
  else for (let i = 0; i < count; i++) chunk[to + i] = chunk[from + i] ?? 0;
  return to + count;
}
