/**
 * Command lines out of input chunks (RFC 5321 2.3.8, 4.1.1). Only CRLF ends a line; a bare CR or LF
 * is a fault the moment it can be told, so nothing behind it is ever taken for a command. A line over
 * the bound is skipped to its CRLF in constant memory. Text is ASCII or well-formed UTF-8 without
 * control characters. Never holds more than one unfinished line and what was pushed meanwhile.
 */
import { isUtf8 } from 'node:buffer';

export type LineFault =
  | 'bare-cr'
  | 'bare-lf'
  | 'too-long'
  | 'control' // NUL, TAB and their like
  | 'utf8'; // octets that are not UTF-8

export type Line =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'fault'; readonly fault: LineFault };

const LF = 10;
const CR = 13;
const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;
/** Waiting input beyond which the caller should stop reading from the socket. */
const MAX_WAITING_BYTES = 64 * 1024;
/** One-byte chunks cost far more than a byte. */
const MAX_WAITING_CHUNKS = 32;
/** An unfinished line in larger memory is copied out, so that the memory can be freed. */
const MAX_KEPT_CHUNK = 4096;

const EMPTY = Buffer.alloc(0);
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

export class LineReader {
  readonly #maxLine: number;
  #head: Buffer = EMPTY;
  /** Start of the line in `#head`, and how far it was searched for its end. */
  #at = 0;
  #searched = 0;
  /** So far it is printable ASCII. */
  #isPlain = true;
  #waiting: Buffer[] | undefined;
  #waitingBytes = 0;
  #skipping = false;

  /** `maxLine` counts octets including CRLF. */
  constructor(maxLine: number) {
    this.#maxLine = maxLine;
  }

  get isFull(): boolean {
    return (
      this.#waitingBytes > MAX_WAITING_BYTES || (this.#waiting?.length ?? 0) > MAX_WAITING_CHUNKS
    );
  }

  /** No byte waits to be taken, not even of an unfinished line. */
  get isEmpty(): boolean {
    return this.#at === this.#head.length && this.#waiting === undefined;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.isEmpty) {
      this.#setHead(chunk);
      return;
    }
    this.#waiting ??= [];
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
  }

  /** The next whole line or fault; undefined when more input is needed. */
  next(): Line | undefined {
    for (;;) {
      const line = this.#nextInHead();
      if (line !== undefined) return line;
      if (this.#waiting === undefined) break;
      this.#mergeWaiting();
    }
    if (this.#at === this.#head.length) this.#setHead(EMPTY);
    else if (this.#head.buffer.byteLength > MAX_KEPT_CHUNK) {
      const searched = this.#searched - this.#at;
      const own = Buffer.allocUnsafeSlow(this.#head.length - this.#at);
      this.#head.copy(own, 0, this.#at);
      this.#setHead(own);
      this.#searched = searched;
    }
    return undefined;
  }

  /** Takes bytes as they came, for a reader of content; undefined when there are none. */
  takeChunk(): Buffer | undefined {
    if (this.#at < this.#head.length) {
      const chunk = this.#head.subarray(this.#at);
      this.#setHead(EMPTY);
      return chunk;
    }
    if (this.#waiting === undefined) return undefined;
    this.#mergeWaiting();
    const chunk = this.#head;
    this.#setHead(EMPTY);
    return chunk;
  }

  /** Gives back the end of a chunk that was taken: it comes before everything that is waiting. */
  giveBack(rest: Buffer): void {
    if (rest.length === 0) return;
    this.#setHead(
      this.#at === this.#head.length ? rest : Buffer.concat([rest, this.#head.subarray(this.#at)]),
    );
  }

  /** Looks at each octet once: lines are short, and a search costs more than a line. */
  #nextInHead(): Line | undefined {
    const head = this.#head;
    let at = this.#searched;
    for (; at < head.length; at++) {
      const octet = head[at] ?? 0;
      if (octet >= FIRST_PRINTABLE && octet <= LAST_PRINTABLE) continue;
      if (octet === LF) return this.#fault('bare-lf');
      if (octet === CR) {
        // As the last octet so far it may still be followed by its LF.
        if (at + 1 === head.length) break;
        return head[at + 1] === LF ? this.#endLine(at) : this.#fault('bare-cr');
      }
      this.#isPlain = false;
    }
    this.#searched = at;
    if (at - this.#at > this.#maxLine - 2) this.#skipping = true;
    if (this.#skipping) this.#at = at;
    return undefined;
  }

  /** The line that ends with the CR at `end`. */
  #endLine(end: number): Line {
    const start = this.#at;
    const isPlain = this.#isPlain;
    this.#at = end + 2;
    this.#searched = this.#at;
    this.#isPlain = true;
    if (this.#skipping || this.#at - start > this.#maxLine) {
      this.#skipping = false;
      return { kind: 'fault', fault: 'too-long' };
    }
    if (isPlain) return { kind: 'line', text: this.#head.toString('latin1', start, end) };
    return lineOf(this.#head.subarray(start, end));
  }

  /** Nothing behind a bare line end is ever taken. */
  #fault(fault: 'bare-cr' | 'bare-lf'): Line {
    this.#setHead(EMPTY);
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    this.#isPlain = true;
    return { kind: 'fault', fault };
  }

  #setHead(head: Buffer): void {
    this.#head = head;
    this.#at = 0;
    this.#searched = 0;
  }

  #mergeWaiting(): void {
    const rest = this.#head.subarray(this.#at);
    const searched = this.#searched - this.#at;
    const parts = this.#waiting ?? [];
    const only = parts[0];
    this.#setHead(
      rest.length === 0 && parts.length === 1 && only !== undefined
        ? only
        : Buffer.concat([rest, ...parts]),
    );
    this.#searched = searched;
    this.#waiting = undefined;
    this.#waitingBytes = 0;
  }
}

/** Of a line with octets that are not printable ASCII. */
function lineOf(octets: Buffer): Line {
  if (!isUtf8(octets)) return { kind: 'fault', fault: 'utf8' };
  const text = octets.toString('utf8');
  return CONTROL.test(text) ? { kind: 'fault', fault: 'control' } : { kind: 'line', text };
}
