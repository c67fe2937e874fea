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
const MAX_FIELD_NAME = 200;
/** More fields than any real message has; what is behind them is not looked at. */
const MAX_FIELDS = 10_000;

/**
 * Gathers content until the empty line that ends the header, or up to `limit` bytes. Chunks are
 * referred to, not copied, unless the header spans several.
 */
export class HeaderCollector {
  readonly #limit: number;
  #bytes: Buffer = Buffer.alloc(0);
  #state: 'open' | 'complete' | 'too-large' = 'open';

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Uint8Array): void {
    if (this.#state !== 'open') return;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const searchFrom = Math.max(0, this.#bytes.length - 3);
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    const end = headerEnd(this.#bytes, searchFrom);
    if (end >= 0 && end <= this.#limit) {
      this.#bytes = this.#bytes.subarray(0, end);
      this.#state = 'complete';
    } else if (end > this.#limit || this.#bytes.length > this.#limit) {
      this.#bytes = this.#bytes.subarray(0, this.#limit);
      this.#state = 'too-large';
    }
  }

  get isTooLarge(): boolean {
    return this.#state === 'too-large';
  }
  /** The header bytes with the CRLF of the last field, without the empty line. */
  get bytes(): Buffer {
    return this.#bytes;
  }
}

/** Index behind the CRLF of the last field, or -1 when the empty line has not come yet. */
function headerEnd(bytes: Buffer, from: number): number {
  if (bytes.length >= 2 && bytes[0] === CR && bytes[1] === LF) return 0;
  const at = bytes.indexOf('\r\n\r\n', from);
  return at < 0 ? -1 : at + 2;
}

export function headerFields(bytes: Buffer): HeaderField[] {
  const fields: HeaderField[] = [];
  let at = 0;
  while (at < bytes.length && fields.length < MAX_FIELDS) {
    const end = fieldEnd(bytes, at);
    const colon = bytes.subarray(at, Math.min(end, at + MAX_FIELD_NAME)).indexOf(COLON);
    if (colon > 0) {
      const name = bytes.toString('latin1', at, at + colon).trimEnd();
      if (/^[\x21-\x7e]+$/.test(name)) {
        fields.push({ name: name.toLowerCase(), start: at, valueStart: at + colon + 1, end });
      }
    }
    at = end;
  }
  return fields;
}

/** Behind the line at `from` and the folded lines that belong to it. */
function fieldEnd(bytes: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const lf = bytes.indexOf(LF, at);
    if (lf < 0) return bytes.length;
    at = lf + 1;
    const next = bytes[at];
    if (next !== SPACE && next !== TAB) return at;
  }
}

/** A field's value with folds as one space, as latin-1 text, at most `max` characters. */
export function fieldValue(bytes: Buffer, field: HeaderField, max: number): string {
  return bytes
    .toString('latin1', field.valueStart, Math.min(field.end, field.valueStart + max))
    .replace(/\r\n[ \t]+/g, ' ')
    .trim();
}

/**
 * Whether fields may simply be put on top of content that begins with `bytes`. When its first line
 * is no header field (a folded line, text), the content has no header, and an empty line must go
 * between, lest our last field swallow the sender's line. An mbox `From ` line is let through.
 */
export function beginsWithField(bytes: Buffer): boolean {
  if (bytes.length === 0 || bytes[0] === CR) return true;
  const line = bytes.toString('latin1', 0, Math.min(bytes.length, MAX_FIELD_NAME));
  return /^[\x21-\x39\x3b-\x7e]+[ \t]*:/.test(line) || line.startsWith('From ');
}
