/**
 * A walk over the parts of a message as its bytes come by: of each part what its header says, how its
 * content begins, and all of it where that is asked for. It holds one part at a time; beyond a bound
 * (parts, depth, header) it goes on without looking closer, and `problem` says so. It throws nothing,
 * whatever the bytes are. Where programs differ, the reading that shows more parts is taken: every
 * Content-Type counts, a boundary stays one after it has been closed, and until one that is declared has
 * come the first line that looks like one is taken for it.
 */
import { realName } from './file-name.ts';
import type { Declared, KeepRule, KeptContent } from './part-content.ts';
import { PartContent } from './part-content.ts';
import { partHeader } from './part-header.ts';
import type { Decoder, TransferEncoding } from './transfer-encoding.ts';
import { decoderOf } from './transfer-encoding.ts';

export interface Part extends Declared {
  readonly charsets: readonly string[];
  /** How the content begins, for each transfer encoding that the header names. */
  readonly heads: readonly Uint8Array[];
  /** The whole content, as often as it begins like something that is kept. */
  readonly kept: readonly KeptContent[];
}

export interface WalkLimits {
  readonly parts: number;
  readonly depth: number;
  /** Encoded messages within each other: each is one more walk over all the bytes. */
  readonly encoded?: number;
}

const HEADER_BYTES = 256 * 1024;
/** Longer lines come in pieces. */
const LINE_BYTES = 4096;
/** RFC 2046 5.1.1 has 70. */
const BOUNDARY_BYTES = 1000;
const MAX_BOUNDARIES = 8;
const MAX_ENCODED = 4;
/** Decoded at a time. */
const BLOCK_BYTES = 16 * 1024;
const LF = 0x0a;
const DASH = 0x2d;
const UUENCODED = /^begin(-base64)? [0-7]{3,4} (\S.{0,300})/;
const UU_ENDS = /^(?:end|====)\s*$/;
const MESSAGE = /^message\/(rfc822|global|news)$/;
/** Opened as a mail, whatever its type. */
const MAIL_FILE = /\.eml$/;

interface Container {
  /** Those that are declared, and what is taken for one until the first of them has come. */
  readonly boundaries: readonly string[];
  guessed: string | undefined;
  hasBegun: boolean;
  readonly isDigest: boolean;
  readonly depth: number;
}

interface Leaf extends Declared {
  readonly charsets: readonly string[];
  readonly content: PartContent;
}

/** A message or multipart whose content is encoded, against RFC 2045 6.4; programs open it all the same. */
interface Encoded {
  readonly walk: MimeWalk;
  readonly decoder: Decoder;
  block: Uint8Array[];
  bytes: number;
}

export class MimeWalk {
  readonly #limits: WalkLimits;
  readonly #onPart: (part: Part) => void;
  readonly #keep: KeepRule | undefined;
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
  /** A file in text, between its lines `begin` and `end`. */
  #uuencoded: Leaf | undefined;
  #encoded: Encoded | undefined;
  #depth = 0;
  #isInDigest = false;
  #parts = 0;
  #problem: string | undefined;

  constructor(limits: WalkLimits, onPart: (part: Part) => void, keep?: KeepRule) {
    this.#limits = limits;
    this.#onPart = onPart;
    this.#keep = keep;
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
    this.#leafEnds(false);
  }

  #line(line: Uint8Array): void {
    if (this.#isLineStart && line[0] === DASH && line[1] === DASH && this.#isBoundary(line)) return;
    if (this.#header !== undefined) this.#headerLine(line, this.#header);
    else this.#bodyLine(line);
  }

  #isBoundary(line: Uint8Array): boolean {
    // Most lines of dashes are settled here: the stack may be deep and such lines many.
    const inner = this.#header === undefined ? this.#stack.at(-1) : undefined;
    const isPreamble = inner !== undefined && !inner.hasBegun && inner.guessed === undefined;
    if (line.length < this.#shortest + 2 && !isPreamble) return false;
    const text = latin1(line.subarray(2)).trimEnd();
    let begins = this.#levels.get(text);
    const ends = text.endsWith('--') ? this.#levels.get(text.slice(0, -2)) : undefined;
    if (isPreamble && begins === undefined && ends === undefined) {
      inner.guessed = text;
      this.#mapLevels();
      begins = this.#stack.length - 1;
    }
    const level = begins ?? ends;
    const container = level === undefined ? undefined : this.#stack[level];
    if (level === undefined || container === undefined) return false;
    if (this.#header !== undefined) this.#headerEnds(this.#header);
    this.#leafEnds(true);
    const isDeclared = container.guessed !== text && container.guessed !== text.slice(0, -2);
    const isNoGuess = isDeclared && container.guessed !== undefined;
    if (isNoGuess) container.guessed = undefined;
    container.hasBegun ||= isDeclared;
    if (isNoGuess || this.#stack.length > level + 1) {
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
      this.#stack.flatMap(({ boundaries, guessed }, level) =>
        [...boundaries, guessed ?? []].flat().map((one) => [one, level] as const),
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
    if (++this.#parts > this.#limits.parts) {
      this.#problem ??= 'too many parts';
      return;
    }
    const header = partHeader(lines.join(''), this.#isInDigest ? 'message/rfc822' : 'text/plain');
    const { types, names, charsets, encodings, isMultipart } = header;
    this.#isInDigest = false;
    const content = new PartContent(encodings, { types, names }, this.#keep);
    this.#leaf = { types, names, charsets, content };
    const boundaries = header.boundaries.slice(0, MAX_BOUNDARIES);
    if (header.boundaries.length > MAX_BOUNDARIES) {
      this.#problem ??= 'a part has too many boundaries';
    }
    if (boundaries.some((boundary) => boundary.length > BOUNDARY_BYTES)) {
      this.#problem ??= 'a boundary is too long';
    }
    const isMessage = types.some((type) => MESSAGE.test(type));
    const isMailFile = !isMessage && names.some((name) => MAIL_FILE.test(realName(name)));
    if (types.includes('message/partial')) this.#problem ??= 'a part is a piece of a message';
    if (isMultipart && isMessage) this.#problem ??= 'a part is a message and a multipart';
    if (!isMultipart && !isMessage && !isMailFile) return;
    if (this.#depth >= this.#limits.depth) {
      this.#problem ??= 'parts are nested too deeply';
      return;
    }
    if (isMultipart) {
      const isDigest = types.includes('multipart/digest');
      const coded = [...encodings].filter((one) => one !== 'identity');
      const walk = coded.length > 0 ? this.#decoded(coded) : undefined;
      if (walk !== undefined) walk.#contain(boundaries, isDigest);
      this.#contain(boundaries, isDigest);
      return;
    }
    // Of a file the content itself is looked at as well.
    if (isMailFile || encodings.size > 1 || !encodings.has('identity')) {
      this.#decoded([...encodings]);
      return;
    }
    this.#leafEnds(false);
    this.#depth++;
    this.#header = [];
    this.#headerBytes = 0;
  }

  #contain(boundaries: readonly string[], isDigest: boolean): void {
    const begun = { guessed: undefined, hasBegun: false };
    this.#header = undefined;
    this.#stack.push({ boundaries, isDigest, depth: this.#depth, ...begun });
    this.#mapLevels();
  }

  /** A walk of its own over what follows as it is when it is decoded. */
  #decoded([encoding = 'identity', ...others]: readonly TransferEncoding[]): MimeWalk | undefined {
    const encoded = (this.#limits.encoded ?? MAX_ENCODED) - 1;
    if (others.length > 0 || encoded < 0) {
      this.#problem ??= 'a message within the message is encoded more than once';
      return undefined;
    }
    const { parts, depth } = this.#limits;
    const left = { parts: parts - this.#parts, depth: depth - this.#depth - 1, encoded };
    const walk = new MimeWalk(left, this.#onPart, this.#keep);
    this.#encoded = { walk, decoder: decoderOf(encoding), block: [], bytes: 0 };
    return walk;
  }

  #bodyLine(line: Uint8Array): void {
    this.#leaf?.content.push(line);
    if (this.#encoded !== undefined) this.#encodedLine(line, this.#encoded);
    this.#uuencoded?.content.push(line);
    if (this.#isLineStart) this.#uuLine(line);
  }

  /** Some programs make a file of it wherever it stands in text. */
  #uuLine(line: Uint8Array): void {
    if (this.#uuencoded !== undefined && line.length < 12 && UU_ENDS.test(latin1(line))) {
      this.#uuEnds();
    }
    if (line[0] !== 0x62 || line.length <= 10) return;
    const [begins, base64, name] = UUENCODED.exec(latin1(line.subarray(0, 400))) ?? [];
    if (begins === undefined || name === undefined) return;
    this.#uuEnds();
    if (++this.#parts > this.#limits.parts) {
      this.#problem ??= 'too many parts';
      return;
    }
    const encoding = base64 === undefined ? 'uuencode' : 'base64';
    const names = [name.trim()];
    const content = new PartContent(new Set([encoding]), { types: [], names }, this.#keep);
    this.#uuencoded = { types: [], names, charsets: [], content };
  }

  #uuEnds(): void {
    const file = this.#uuencoded;
    this.#uuencoded = undefined;
    if (file !== undefined) this.#onPart(partOf(file, false));
  }

  #encodedLine(line: Uint8Array, encoded: Encoded): void {
    encoded.block.push(Buffer.from(line));
    encoded.bytes += line.length;
    if (encoded.bytes < BLOCK_BYTES) return;
    encoded.walk.push(encoded.decoder.push(Buffer.concat(encoded.block)));
    encoded.block = [];
    encoded.bytes = 0;
  }

  #encodedEnds(): void {
    const encoded = this.#encoded;
    if (encoded === undefined) return;
    this.#encoded = undefined;
    const { walk, decoder, block } = encoded;
    walk.push(decoder.push(Buffer.concat(block)));
    walk.push(decoder.end());
    walk.end();
    this.#parts += walk.#parts;
    this.#problem ??= walk.#problem;
  }

  #leafEnds(isBeforeBoundary: boolean): void {
    this.#uuEnds();
    this.#encodedEnds();
    const leaf = this.#leaf;
    this.#leaf = undefined;
    if (leaf !== undefined) this.#onPart(partOf(leaf, isBeforeBoundary));
  }
}

function partOf({ content, ...declared }: Leaf, isBeforeBoundary: boolean): Part {
  return { ...declared, ...content.end(isBeforeBoundary) };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
