/**
 * A walk over the parts of a message as its bytes come by: of each part what its header says and how
 * its content begins. It holds one part at a time and no more of it than `HEAD_BYTES`; beyond a bound
 * (parts, depth, header) it goes on without looking closer, and `problem` says so. It throws nothing,
 * whatever the bytes are. Where programs differ, the reading that shows more parts is taken: every
 * Content-Type counts, and a boundary stays one after it has been closed.
 */
import type { FieldValue } from './parameters.ts';
import { fieldsOf } from './parameters.ts';

export interface Part {
  /** Declared types, lower case; several when the header contradicts itself. */
  readonly types: readonly string[];
  readonly names: readonly string[];
  /** How the content begins, for each transfer encoding that the header names. */
  readonly heads: readonly Uint8Array[];
}

export interface WalkLimits {
  readonly parts: number;
  readonly depth: number;
}

/** Raw octets kept of a part: enough for what lies at 32 KiB (ISO 9660), also when encoded. */
const HEAD_BYTES = 128 * 1024;
const HEADER_BYTES = 256 * 1024;
/** Longer lines come in pieces. */
const LINE_BYTES = 4096;
/** RFC 2046 5.1.1 has 70. */
const BOUNDARY_BYTES = 1000;
const MAX_BOUNDARIES = 8;
const LF = 0x0a;
const DASH = 0x2d;
const UUENCODED = /^begin(?:-base64)? [0-7]{3,4} (\S.{0,300})/;
const MESSAGE = /^message\/(rfc822|global|news)$/;

interface Container {
  readonly boundaries: readonly string[];
  readonly isDigest: boolean;
  readonly depth: number;
}

interface Leaf {
  readonly types: readonly string[];
  readonly names: string[];
  readonly encodings: readonly string[];
  readonly raw: Uint8Array[];
  bytes: number;
}

export class MimeWalk {
  readonly #limits: WalkLimits;
  readonly #onPart: (part: Part) => void;
  readonly #stack: Container[] = [];
  /** Boundary -> level in the stack, the innermost where several have it. */
  #levels = new Map<string, number>();
  #shortest = Number.POSITIVE_INFINITY;
  #carry: Uint8Array = Buffer.alloc(0);
  #isLineStart = true;
  /** Lines of the header that is being read; undefined within a body. */
  #header: string[] | undefined = [];
  #headerBytes = 0;
  #leaf: Leaf | undefined;
  #depth = 0;
  #isInDigest = false;
  #parts = 0;
  #problem: string | undefined;

  constructor(limits: WalkLimits, onPart: (part: Part) => void) {
    this.#limits = limits;
    this.#onPart = onPart;
  }

  /** Why not everything was looked at. */
  get problem(): string | undefined {
    return this.#problem;
  }

  push(chunk: Uint8Array): void {
    const bytes = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    let start = 0;
    while (start < bytes.length) {
      const end = bytes.subarray(start, start + LINE_BYTES).indexOf(LF);
      if (end < 0 && bytes.length - start < LINE_BYTES) break;
      const next = start + (end < 0 ? LINE_BYTES : end + 1);
      this.#line(bytes.subarray(start, next));
      this.#isLineStart = end >= 0;
      start = next;
    }
    // A copy: the chunk belongs to whoever reads the content.
    this.#carry = Buffer.from(bytes.subarray(start));
  }

  end(): void {
    if (this.#carry.length > 0) this.#line(this.#carry);
    this.#carry = Buffer.alloc(0);
    if (this.#header !== undefined) this.#headerEnds(this.#header);
    this.#leafEnds();
  }

  #line(line: Uint8Array): void {
    if (this.#isLineStart && line[0] === DASH && line[1] === DASH && this.#isBoundary(line)) return;
    if (this.#header !== undefined) this.#headerLine(line, this.#header);
    else this.#bodyLine(line);
  }

  #isBoundary(line: Uint8Array): boolean {
    // Most lines of dashes are settled here: the stack may be deep and such lines many.
    if (line.length < this.#shortest + 2) return false;
    const text = latin1(line.subarray(2)).trimEnd();
    const begins = this.#levels.get(text);
    const ends = text.endsWith('--') ? this.#levels.get(text.slice(0, -2)) : undefined;
    const level = begins ?? ends;
    const container = level === undefined ? undefined : this.#stack[level];
    if (level === undefined || container === undefined) return false;
    if (this.#header !== undefined) this.#headerEnds(this.#header);
    this.#leafEnds();
    if (this.#stack.length > level + 1) {
      this.#stack.length = level + 1;
      this.#mapLevels();
    }
    this.#depth = container.depth + 1;
    this.#isInDigest = container.isDigest;
    this.#header = begins === undefined ? undefined : [];
    this.#headerBytes = 0;
    return true;
  }

  #mapLevels(): void {
    this.#levels = new Map(
      this.#stack.flatMap(({ boundaries }, level) =>
        boundaries.map((one) => [one, level] as const),
      ),
    );
    this.#shortest = Math.min(...[...this.#levels.keys()].map((boundary) => boundary.length));
  }

  #headerLine(line: Uint8Array, header: string[]): void {
    const isEmpty = line.length <= 2 && latin1(line).trim() === '';
    if (isEmpty && this.#isLineStart) {
      this.#headerEnds(header);
      return;
    }
    this.#headerBytes += line.length;
    if (this.#headerBytes > HEADER_BYTES) this.#problem ??= 'a header is too long';
    else header.push(latin1(line));
  }

  #headerEnds(lines: readonly string[]): void {
    this.#header = undefined;
    const header = lines.join('');
    const contentTypes = fieldsOf(header, 'content-type');
    const types = contentTypes.map((field) => field.word);
    if (types.length === 0) types.push(this.#isInDigest ? 'message/rfc822' : 'text/plain');
    const encodings = fieldsOf(header, 'content-transfer-encoding').map((field) => field.word);
    const names = [...contentTypes, ...fieldsOf(header, 'content-disposition')].flatMap(namesOf);
    this.#isInDigest = false;
    if (++this.#parts > this.#limits.parts) {
      this.#problem ??= 'too many parts';
      return;
    }
    this.#leaf = { types, names, encodings, raw: [], bytes: 0 };
    const declared = contentTypes.flatMap(boundariesOf);
    const boundaries = declared.slice(0, MAX_BOUNDARIES);
    if (declared.length > MAX_BOUNDARIES) this.#problem ??= 'a part has too many boundaries';
    if (boundaries.some((boundary) => boundary.length > BOUNDARY_BYTES)) {
      this.#problem ??= 'a boundary is too long';
    }
    const isMessage = types.some((type) => MESSAGE.test(type));
    if (boundaries.length === 0 && !isMessage) return;
    if (this.#depth >= this.#limits.depth) {
      this.#problem ??= 'parts are nested too deeply';
      return;
    }
    if (boundaries.length > 0) {
      const isDigest = types.includes('multipart/digest');
      this.#stack.push({ boundaries, isDigest, depth: this.#depth });
      this.#mapLevels();
      return;
    }
    // RFC 2045 6.4: a message within a message is not encoded.
    if (encodings.some((word) => word === 'base64' || word === 'quoted-printable')) {
      this.#problem ??= 'a message within the message is encoded';
      return;
    }
    this.#leafEnds();
    this.#depth++;
    this.#header = [];
    this.#headerBytes = 0;
  }

  #bodyLine(line: Uint8Array): void {
    const leaf = this.#leaf;
    // Some programs make a file of it wherever it stands in text.
    if (this.#isLineStart && line[0] === 0x62 && line.length > 10) {
      const name = UUENCODED.exec(latin1(line.subarray(0, 400)))?.[1]?.trim();
      if (name !== undefined) this.#uuencoded(name);
    }
    if (leaf === undefined || leaf.bytes >= HEAD_BYTES) return;
    leaf.raw.push(Buffer.from(line));
    leaf.bytes += line.length;
  }

  #uuencoded(name: string): void {
    if (++this.#parts > this.#limits.parts) this.#problem ??= 'too many parts';
    else this.#onPart({ types: [], names: [name], heads: [] });
  }

  #leafEnds(): void {
    const leaf = this.#leaf;
    if (leaf === undefined) return;
    this.#leaf = undefined;
    const raw = Buffer.concat(leaf.raw);
    const encodings = new Set(leaf.encodings.length === 0 ? ['8bit'] : leaf.encodings);
    const heads = [...encodings].map((encoding) => decoded(raw, encoding));
    this.#onPart({ types: leaf.types, names: leaf.names, heads });
  }
}

function namesOf({ parameters }: FieldValue): string[] {
  return parameters
    .filter(({ name }) => name === 'name' || name === 'filename')
    .map(({ value }) => value)
    .filter((value) => value !== '');
}

function boundariesOf({ word, parameters }: FieldValue): string[] {
  if (!word.startsWith('multipart/')) return [];
  return parameters
    .filter(({ name, value }) => name === 'boundary' && value.trimEnd() !== '')
    .map(({ value }) => latin1(Buffer.from(value, 'utf8')).trimEnd());
}

function decoded(raw: Buffer, encoding: string): Uint8Array {
  switch (encoding) {
    case 'base64':
      return Buffer.from(latin1(raw).replace(/[^\w+/-]/g, ''), 'base64');
    case 'quoted-printable': {
      const text = latin1(raw).replace(/=[ \t]{0,80}\r?\n/g, '');
      const octets = text.replace(/=([0-9a-f]{2})/gi, (_, code: string) =>
        String.fromCharCode(Number.parseInt(code, 16)),
      );
      return Buffer.from(octets, 'latin1');
    }
    default:
      return raw;
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
