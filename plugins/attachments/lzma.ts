/**
 * LZMA as it stands in 7z and, in pieces, in xz ("LZMA specification", Pavlov 2015): enough to read a
 * packed list of files, or how one begins. All of the output is the dictionary, so it is for short
 * content.
 */
const STATES = 12;
const POSITION_STATES = 16;
const FULL_DISTANCES = 128;
const ALIGN_BITS = 4;
const PROBABILITY_BITS = 11;
const MOVE_BITS = 5;
const TOP = 2 ** 24;
const MATCH_MIN = 2;
/** A distance that no match has. */
const END_MARK = 0xffff_ffff;

/** `properties`: five octets. Undefined when it cannot be unpacked to exactly `size` octets. */
export function unpackLzma(packed: Buffer, properties: Buffer, size: number): Buffer | undefined {
  const unpacker = Unpacker.of(properties[0] ?? 255);
  const out = Buffer.alloc(size);
  return unpacker?.run(packed, out, 0, size, 0) === true ? out : undefined;
}

function probabilities(count: number): Uint16Array {
  return new Uint16Array(count).fill(2 ** (PROBABILITY_BITS - 1));
}

/** The range decoder. Past the end of the input come zeros, and `isSpent` says so. */
class Range {
  readonly #bytes: Buffer;
  #at = 5;
  #range = 0xffff_ffff;
  #code: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#code = bytes.readUInt32BE(1);
  }

  get isSpent(): boolean {
    return this.#at > this.#bytes.length;
  }

  #fill(): void {
    if (this.#range >= TOP) return;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | (this.#bytes[this.#at++] ?? 0)) >>> 0;
  }

  bit(model: Uint16Array, index: number): number {
    const probability = model[index] ?? 0;
    const bound = (this.#range >>> PROBABILITY_BITS) * probability;
    let bit = 0;
    if (this.#code < bound) {
      this.#range = bound;
      model[index] = probability + ((2 ** PROBABILITY_BITS - probability) >> MOVE_BITS);
    } else {
      this.#range -= bound;
      this.#code -= bound;
      model[index] = probability - (probability >> MOVE_BITS);
      bit = 1;
    }
    this.#fill();
    return bit;
  }

  /** Bits of even chance. */
  direct(count: number): number {
    let value = 0;
    for (let left = count; left > 0; left--) {
      this.#range >>>= 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit === 1) this.#code -= this.#range;
      value = value * 2 + bit;
      this.#fill();
    }
    return value;
  }

  /** The highest bit first; `start`: where the tree lies in the model. */
  tree(model: Uint16Array, start: number, bits: number): number {
    let node = 1;
    for (let left = bits; left > 0; left--) node = node * 2 + this.bit(model, start + node);
    return node - 2 ** bits;
  }

  /** The lowest bit first. */
  reverseTree(model: Uint16Array, start: number, bits: number): number {
    let node = 1;
    let value = 0;
    for (let place = 0; place < bits; place++) {
      const bit = this.bit(model, start + node);
      node = node * 2 + bit;
      value += bit * 2 ** place;
    }
    return value;
  }
}

class Lengths {
  readonly #choice = probabilities(2);
  readonly #low = probabilities(POSITION_STATES * 8);
  readonly #middle = probabilities(POSITION_STATES * 8);
  readonly #high = probabilities(256);

  read(range: Range, positionState: number): number {
    if (range.bit(this.#choice, 0) === 0) return range.tree(this.#low, positionState * 8, 3);
    if (range.bit(this.#choice, 1) === 0) return 8 + range.tree(this.#middle, positionState * 8, 3);
    return 16 + range.tree(this.#high, 0, 8);
  }
}

/** What has been learnt of a text so far, and goes on learning from one piece of it to the next. */
export class Unpacker {
  #range = new Range(Buffer.alloc(5));
  readonly #literalBits: number;
  readonly #literalPositionMask: number;
  readonly #positionMask: number;
  readonly #literals: Uint16Array;
  readonly #isMatch = probabilities(STATES * POSITION_STATES);
  readonly #isRepeat = probabilities(STATES);
  readonly #isNotFirst = probabilities(STATES);
  readonly #isLongFirst = probabilities(STATES * POSITION_STATES);
  readonly #isNotSecond = probabilities(STATES);
  readonly #isNotThird = probabilities(STATES);
  readonly #slots = probabilities(4 * 64);
  readonly #distances = probabilities(FULL_DISTANCES);
  readonly #align = probabilities(2 ** ALIGN_BITS);
  readonly #lengths = new Lengths();
  readonly #repeatLengths = new Lengths();
  /** The last four distances, the latest first. */
  #last: readonly [number, number, number, number] = [0, 0, 0, 0];
  #state = 0;

  /** By the octet that says how it is set; undefined for none that there is. */
  static of(properties: number): Unpacker | undefined {
    if (properties >= 9 * 5 * 5) return undefined;
    const positionBits = Math.floor(properties / 9);
    return new Unpacker(properties % 9, positionBits % 5, Math.floor(positionBits / 5));
  }

  private constructor(literalBits: number, literalPositionBits: number, bits: number) {
    this.#literalBits = literalBits;
    this.#literalPositionMask = 2 ** literalPositionBits - 1;
    this.#positionMask = 2 ** bits - 1;
    this.#literals = probabilities(0x300 * 2 ** (literalBits + literalPositionBits));
  }

  /** Fills `out` from `from` to `to`; the dictionary begins at `base`. False where it is damaged. */
  run(packed: Buffer, out: Buffer, from: number, to: number, base: number): boolean {
    return this.fill(packed, out, from, to, base)?.at === to;
  }

  /** How far it comes, and whether a mark says that this is the end; undefined where it is damaged. */
  fill(
    packed: Buffer,
    out: Buffer,
    from: number,
    to: number,
    base: number,
  ): { readonly at: number; readonly isMarkedEnd: boolean } | undefined {
    if (packed.length < 5 || packed[0] !== 0) return undefined;
    this.#range = new Range(packed);
    let at = from;
    while (at < to) {
      if (this.#range.isSpent) return undefined;
      const positionState = (at - base) & this.#positionMask;
      const place = this.#state * POSITION_STATES + positionState;
      if (this.#range.bit(this.#isMatch, place) === 0) {
        out[at] = this.#literal(out, at, base);
        at++;
        continue;
      }
      const length = this.#match(positionState, place);
      const [distance] = this.#last;
      if (distance === END_MARK) return { at, isMarkedEnd: true };
      if (distance >= at - base) return undefined;
      // What is asked for may end within a match; no whole text does.
      const end = Math.min(to, at + length);
      for (; at < end; at++) out[at] = out[at - distance - 1] ?? 0;
    }
    return { at, isMarkedEnd: false };
  }

  #literal(out: Buffer, at: number, base: number): number {
    const before = at > base ? (out[at - 1] ?? 0) : 0;
    const high = ((at - base) & this.#literalPositionMask) << this.#literalBits;
    const start = 0x300 * (high + (before >> (8 - this.#literalBits)));
    let symbol = 1;
    if (this.#state >= 7) {
      let match = out[at - this.#last[0] - 1] ?? 0;
      while (symbol < 0x100) {
        const expected = (match >> 7) & 1;
        match = (match << 1) & 0xff;
        const bit = this.#range.bit(this.#literals, start + ((1 + expected) << 8) + symbol);
        symbol = symbol * 2 + bit;
        if (bit !== expected) break;
      }
    }
    while (symbol < 0x100) symbol = symbol * 2 + this.#range.bit(this.#literals, start + symbol);
    this.#state = this.#state < 4 ? 0 : this.#state - (this.#state < 10 ? 3 : 6);
    return symbol - 0x100;
  }

  /** The length of a match, whose distance is then the first of the last ones. */
  #match(positionState: number, place: number): number {
    const range = this.#range;
    const state = this.#state;
    const isAfterLiteral = state < 7;
    if (range.bit(this.#isRepeat, state) === 0) {
      const length = this.#lengths.read(range, positionState);
      this.#state = isAfterLiteral ? 7 : 10;
      const [first, second, third] = this.#last;
      this.#last = [this.#distance(length), first, second, third];
      return length + MATCH_MIN;
    }
    const [first, second, third, fourth] = this.#last;
    if (range.bit(this.#isNotFirst, state) === 0) {
      if (range.bit(this.#isLongFirst, place) === 0) {
        this.#state = isAfterLiteral ? 9 : 11;
        return 1;
      }
    } else if (range.bit(this.#isNotSecond, state) === 0) {
      this.#last = [second, first, third, fourth];
    } else if (range.bit(this.#isNotThird, state) === 0) {
      this.#last = [third, first, second, fourth];
    } else this.#last = [fourth, first, second, third];
    this.#state = isAfterLiteral ? 8 : 11;
    return this.#repeatLengths.read(range, positionState) + MATCH_MIN;
  }

  #distance(length: number): number {
    const slot = this.#range.tree(this.#slots, Math.min(length, 3) * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** bits;
    if (slot < 14) return base + this.#range.reverseTree(this.#distances, base - slot, bits);
    const middle = this.#range.direct(bits - ALIGN_BITS) * 2 ** ALIGN_BITS;
    return base + middle + this.#range.reverseTree(this.#align, 0, ALIGN_BITS);
  }
}
