/**
 * The body of a message in the "relaxed" form of DKIM (RFC 6376 3.4.4), made while it streams by: blanks
 * at the end of a line go, several in a row become one space, empty lines at the end of the body go. Needs
 * the same small memory for any body, whatever its chunks and lines are.
 */

const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;
const OUT_BYTES = 8192;

export class RelaxedBody {
  readonly #tell: (bytes: Uint8Array) => void;
  readonly #out = new Uint8Array(OUT_BYTES);
  #filled = 0;
  /** Line ends that count only when something follows. */
  #lineEnds = 0;
  /** Likewise blanks in this line. */
  #hasBlanks = false;
  /** A CR whose LF may still come. */
  #hasCr = false;
  #isEmpty = true;

  /** What `tell` gets is overwritten when it has returned. */
  constructor(tell: (bytes: Uint8Array) => void) {
    this.#tell = tell;
  }

  write(chunk: Uint8Array): void {
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] ?? 0;
      if (byte > SPACE && !this.#hasCr) {
        const end = relaxedUntil(chunk, i);
        this.#text(byte);
        this.#append(chunk, i + 1, end);
        i = end - 1;
        continue;
      }
      if (this.#hasCr) {
        this.#hasCr = false;
        if (byte === LF) {
          this.#lineEnds += 1;
          this.#hasBlanks = false;
          continue;
        }
        this.#text(CR);
      }
      if (byte === CR) this.#hasCr = true;
      else if (byte === SPACE || byte === TAB) this.#hasBlanks = true;
      else this.#text(byte);
    }
  }

  end(): void {
    if (this.#hasCr) this.#text(CR);
    // A last line without an end gets one.
    if (!this.#isEmpty) this.#lineEnd();
    this.#flush();
  }

  #text(byte: number): void {
    for (; this.#lineEnds > 0; this.#lineEnds--) this.#lineEnd();
    if (this.#hasBlanks) this.#put(SPACE);
    this.#hasBlanks = false;
    this.#isEmpty = false;
    this.#put(byte);
  }

  #lineEnd(): void {
    this.#put(CR);
    this.#put(LF);
  }

  #put(byte: number): void {
    if (this.#filled === OUT_BYTES) this.#flush();
    this.#out[this.#filled++] = byte;
  }

  /** What follows such text and needs no change. */
  #append(chunk: Uint8Array, from: number, end: number): void {
    if (end === from) return;
    const bytes = chunk.subarray(from, end);
    if (this.#filled + bytes.length > OUT_BYTES) this.#flush();
    if (bytes.length > OUT_BYTES) this.#tell(bytes);
    else {
      this.#out.set(bytes, this.#filled);
      this.#filled += bytes.length;
    }
  }

  #flush(): void {
    if (this.#filled > 0) this.#tell(this.#out.subarray(0, this.#filled));
    this.#filled = 0;
  }
}

/** Up to where text that begins at `from` is in the relaxed form as it stands, and ends with text. */
function relaxedUntil(chunk: Uint8Array, from: number): number {
  let at = from + 1;
  for (;;) {
    while ((chunk[at] ?? 0) > SPACE) at += 1;
    // One space, or one line end, between text and text.
    if (chunk[at] === SPACE && (chunk[at + 1] ?? 0) > SPACE) at += 2;
    else if (chunk[at] === CR && chunk[at + 1] === LF && (chunk[at + 2] ?? 0) > SPACE) at += 3;
    else return at;
  }
}
