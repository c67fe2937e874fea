/**
 * The header of a message as bytes (RFC 5322 2.2): where its fields begin and end, and what a few of
 * them say. Nothing is unfolded or written anew; positions point into the bytes as they came. Works
 * on whatever hostile senders send: lines that are no fields are passed over.
 */

export interface HeaderField {
  /** In lower case. */
  readonly name: string;
  /** First byte of the name. */
  readonly start: number;
  /** First byte behind the colon. */
  readonly valueStart: number;
  /** First byte behind the CRLF of the last line. */
  readonly end: number;
}

const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;
const COLON = 58;
const DELETE = 127;
const NO_BREAK_SPACE = 160;
/** Where the colon of the first line must stand, for it to be a field. */
const FIRST_LINE = 1000;
const EMPTY_LINE_BYTES = 2;
const HEADER_END = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);

/**
 * Gathers content until the empty line that ends the header, or up to `limit` bytes. Content that
 * begins with no field has no header, however long it is. What is kept is a copy, in memory that grows
 * by doubling, so that tiny chunks cost no more: whoever brings a chunk may let go of its memory.
 */
export class HeaderCollector {
  readonly #limit: number;
  #bytes: Buffer = NOTHING;
  #room: Buffer | undefined;
  #state: 'begin' | 'open' | 'complete' | 'none' | 'too-large' = 'begin';

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Uint8Array): void {
    if (this.#state !== 'begin' && this.#state !== 'open') return;
    const searchFrom = Math.max(0, this.#bytes.length - 3);
    const isFirst = this.#bytes.length === 0;
    this.#append(chunk);
    this.#search(searchFrom);
    if (isFirst) this.#bytes = Buffer.from(this.#bytes);
  }

  #search(searchFrom: number): void {
    if (this.#state === 'begin') {
      const isField = beginsWithField(this.#bytes);
      if (isField === undefined) return;
      if (!isField) this.#end('none', 0);
      else this.#state = 'open';
    }
    if (this.#state !== 'open') return;
    const end = headerEnd(this.#bytes, searchFrom);
    if (end >= 0 && end <= this.#limit) this.#end('complete', end);
    else if (end > this.#limit || this.#bytes.length > this.#limit) {
      this.#end('too-large', this.#limit);
    }
  }

  get isTooLarge(): boolean {
    return this.#state === 'too-large';
  }
  /** The content begins with something else than a field or an empty line; known at its end. */
  get isMissing(): boolean {
    if (this.#state !== 'begin') return this.#state === 'none';
    // A first line that never ended.
    return this.#bytes.length > 0 && !isFieldLine(this.#bytes);
  }
  /** The header bytes with the CRLF of the last field, without the empty line. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Where the body begins, behind the empty line; undefined until that has come. */
  get bodyStart(): number | undefined {
    return this.#state === 'complete' ? this.#bytes.length + EMPTY_LINE_BYTES : undefined;
  }

  #append(chunk: Uint8Array): void {
    const length = this.#bytes.length;
    if (length === 0) {
      this.#bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      return;
    }
    const needed = length + chunk.length;
    if (this.#room === undefined || this.#room.length < needed) {
      this.#room = Buffer.allocUnsafe(needed * 2);
      this.#bytes.copy(this.#room);
    }
    this.#room.set(chunk, length);
    this.#bytes = this.#room.subarray(0, needed);
  }

  #end(state: 'complete' | 'none' | 'too-large', length: number): void {
    this.#bytes = this.#bytes.subarray(0, length);
    this.#state = state;
  }
}

/** Index behind the CRLF of the last field, or -1 when the empty line has not come yet. */
function headerEnd(bytes: Buffer, from: number): number {
  if (bytes.length >= 2 && bytes[0] === CR && bytes[1] === LF) return 0;
  const at = bytes.indexOf(HEADER_END, from);
  return at < 0 ? -1 : at + 2;
}

export function headerFields(bytes: Buffer): HeaderField[] {
  // As text, where places are the same: to look for them in bytes leaves the engine each time.
  const text = bytes.toString('latin1');
  const fields: HeaderField[] = [];
  let start = 0;
  while (start < text.length) {
    const end = fieldEnd(text, start);
    const nameEnd = passName(text, start);
    const colon = passSpace(text, nameEnd, end);
    if (nameEnd > start && colon < end && text.charCodeAt(colon) === COLON) {
      const name = text.slice(start, nameEnd).toLowerCase();
      fields.push({ name, start, valueStart: colon + 1, end });
    }
    start = end;
  }
  return fields;
}

/** Behind the line at `from` and the folded lines that belong to it. */
function fieldEnd(text: string, from: number): number {
  let at = from;
  for (;;) {
    const lf = text.indexOf('\n', at);
    if (lf < 0) return text.length;
    at = lf + 1;
    const next = text.charCodeAt(at);
    if (next !== SPACE && next !== TAB) return at;
  }
}

/** Behind the characters of a field's name. */
function passName(text: string, from: number): number {
  let at = from;
  while (isNameCode(text.charCodeAt(at))) at += 1;
  return at;
}

/** RFC 5322 2.2. */
function isNameCode(code = 0): boolean {
  return code > SPACE && code < DELETE && code !== COLON;
}

/** Behind what may stand before the colon, folds and a no-break space too. */
function passSpace(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

function isSpace(code: number): boolean {
  return code === SPACE || (code >= TAB && code <= CR) || code === NO_BREAK_SPACE;
}

/** A field's value with folds as one space, as latin-1 text, at most `max` characters. */
export function fieldValue(bytes: Buffer, field: HeaderField, max: number): string {
  return bytes
    .toString('latin1', field.valueStart, Math.min(field.end, field.valueStart + max))
    .replace(/\r\n[ \t]+/g, ' ')
    .trim();
}

/**
 * Whether content begins with a header (an empty one, too), or undefined when that takes more bytes.
 * When its first line is no field (a folded line, text), our fields on top would swallow it. An mbox
 * `From ` line is let through.
 */
function beginsWithField(bytes: Buffer): boolean | undefined {
  if (bytes[0] === CR || isFieldLine(bytes)) return true;
  return bytes.length < FIRST_LINE && !bytes.includes(LF) ? undefined : false;
}

function isFieldLine(bytes: Buffer): boolean {
  const end = Math.min(bytes.length, FIRST_LINE);
  let at = 0;
  while (at < end && isNameCode(bytes[at])) at += 1;
  const isNamed = at > 0;
  while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at += 1;
  return (isNamed && at < end && bytes[at] === COLON) || bytes.toString('latin1', 0, 5) === 'From ';
}
