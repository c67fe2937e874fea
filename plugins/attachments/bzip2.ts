/**
 * How a file begins that bzip2 has packed: blocks are unpacked until enough is there. Undefined where it
 * is damaged before that. The work is bounded by what is packed and by a block of 900 kB more than is
 * wanted.
 */
import type { Begun } from './xz.ts';

const STREAM = 0x425a68;
const BLOCK = 0x3141_5926_5359;
const END = 0x1772_4538_5090;
const GROUP = 50;
const MAX_CODE = 20;
const RUN_A = 0;
const RUN_B = 1;

export function beginningOfBzip2(packed: Buffer, wanted: number): Begun | undefined {
  const bits = new Bits(packed);
  const out = new Output(wanted);
  let block: Uint32Array | undefined;
  let isWhole = false;
  while (bits.read(24) === STREAM) {
    const level = bits.read(8) - 0x30;
    if (level < 1 || level > 9) return undefined;
    for (;;) {
      const mark = bits.read(24) * 2 ** 24 + bits.read(24);
      bits.skip(32);
      if (mark === END) break;
      if (mark !== BLOCK) return undefined;
      block ??= new Uint32Array(900_000);
      const length = readBlock(bits, block, level * 100_000);
      if (length === undefined) return undefined;
      out.take(block, length.start, length.count);
      if (out.isFull) return { bytes: out.bytes, isWhole: false };
    }
    bits.align();
    isWhole = true;
  }
  return isWhole ? { bytes: out.bytes, isWhole } : undefined;
}

/** Bits, the highest first. Past the end come zeros. */
class Bits {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isSpent(): boolean {
    return this.#at > this.#bytes.length * 8;
  }

  bit(): number {
    const octet = this.#bytes[this.#at >>> 3] ?? 0;
    return (octet >>> (7 - (this.#at++ & 7))) & 1;
  }

  read(count: number): number {
    let value = 0;
    for (let left = count; left > 0; left--) value = value * 2 + this.bit();
    return value;
  }

  skip(count: number): void {
    this.#at += count;
  }

  align(): void {
    this.#at = (this.#at + 7) & ~7;
  }
}

/** The octets of a block in the order of the transform, each with where the next one is above it. */
function readBlock(
  bits: Bits,
  block: Uint32Array,
  most: number,
): { readonly start: number; readonly count: number } | undefined {
  // The older form that shuffles octets is written by nobody.
  if (bits.bit() === 1) return undefined;
  const origin = bits.read(24);
  const used = usedOctets(bits);
  const coding = used.length === 0 ? undefined : readCoding(bits, used.length + 2);
  if (coding === undefined) return undefined;
  const { codes, selectors } = coding;
  const last = used.length + 1;
  let count = 0;
  let run = 0;
  let place = 1;
  for (let read = 0; ; read++) {
    const code = codes[selectors[Math.floor(read / GROUP)] ?? -1];
    const symbol = code?.read(bits);
    if (symbol === undefined || bits.isSpent) return undefined;
    if (symbol === RUN_A || symbol === RUN_B) {
      run += place * (symbol + 1);
      place *= 2;
      if (run > most) return undefined;
      continue;
    }
    if (count + run > most) return undefined;
    block.fill(used[0] ?? 0, count, count + run);
    count += run;
    run = 0;
    place = 1;
    if (symbol === last) break;
    if (count >= most) return undefined;
    const [octet = 0] = used.splice(symbol - 1, 1);
    used.unshift(octet);
    block[count++] = octet;
  }
  if (origin >= count) return undefined;
  link(block, count);
  return { start: (block[origin] ?? 0) >>> 8, count };
}

function usedOctets(bits: Bits): number[] {
  const rows = bits.read(16);
  const used: number[] = [];
  for (let row = 0; row < 16; row++) {
    if (((rows >>> (15 - row)) & 1) === 0) continue;
    const columns = bits.read(16);
    for (let column = 0; column < 16; column++) {
      if (((columns >>> (15 - column)) & 1) === 1) used.push(row * 16 + column);
    }
  }
  return used;
}

interface Coding {
  readonly codes: readonly Code[];
  /** Which of them is used for each group of symbols. */
  readonly selectors: Uint8Array;
}

function readCoding(bits: Bits, symbols: number): Coding | undefined {
  const groups = bits.read(3);
  const selectors = new Uint8Array(bits.read(15));
  if (groups < 2 || groups > 6 || selectors.length === 0) return undefined;
  const order = [0, 1, 2, 3, 4, 5].slice(0, groups);
  for (let index = 0; index < selectors.length; index++) {
    let place = 0;
    while (bits.bit() === 1) if (++place >= groups) return undefined;
    const [group = 0] = order.splice(place, 1);
    order.unshift(group);
    selectors[index] = group;
  }
  const codes: Code[] = [];
  for (let group = 0; group < groups; group++) {
    const lengths = new Uint8Array(symbols);
    let length = bits.read(5);
    for (let symbol = 0; symbol < symbols; symbol++) {
      while (bits.bit() === 1) {
        length += bits.bit() === 1 ? -1 : 1;
        if (length < 1 || length > MAX_CODE) return undefined;
      }
      lengths[symbol] = length;
    }
    codes.push(new Code(lengths));
  }
  return { codes, selectors };
}

/** A canonical Huffman code. */
class Code {
  readonly #counts = new Uint32Array(MAX_CODE + 2);
  readonly #symbols: readonly number[];

  constructor(lengths: Uint8Array) {
    for (const length of lengths) this.#counts[length] = (this.#counts[length] ?? 0) + 1;
    const all = [...lengths.keys()];
    this.#symbols = all.toSorted((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b);
  }

  read(bits: Bits): number | undefined {
    let code = 0;
    let first = 0;
    let before = 0;
    for (let length = 1; length <= MAX_CODE; length++) {
      code = code * 2 + bits.bit();
      const count = this.#counts[length] ?? 0;
      if (code - first < count) return this.#symbols[before + code - first];
      before += count;
      first = (first + count) * 2;
    }
    return undefined;
  }
}

/** Undoes the sorting of the transform: each octet gets above it where the next one is. */
function link(block: Uint32Array, count: number): void {
  const places = new Uint32Array(257);
  for (let at = 0; at < count; at++) {
    const octet = (block[at] ?? 0) & 0xff;
    places[octet + 1] = (places[octet + 1] ?? 0) + 1;
  }
  for (let octet = 0; octet < 256; octet++) {
    places[octet + 1] = (places[octet + 1] ?? 0) + (places[octet] ?? 0);
  }
  for (let at = 0; at < count; at++) {
    const octet = (block[at] ?? 0) & 0xff;
    const place = places[octet] ?? 0;
    places[octet] = place + 1;
    block[place] = (block[place] ?? 0) | (at << 8);
  }
}

/** Four equal octets are followed by how many more there are. */
class Output {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(wanted: number) {
    this.#bytes = Buffer.alloc(wanted);
  }

  get isFull(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  take(block: Uint32Array, start: number, count: number): void {
    let next = start;
    let equal = 0;
    let last = -1;
    for (let left = count; left > 0 && !this.isFull; left--) {
      const entry = block[next] ?? 0;
      const octet = entry & 0xff;
      next = entry >>> 8;
      if (equal === 4) {
        const end = Math.min(this.#at + octet, this.#bytes.length);
        this.#bytes.fill(last, this.#at, end);
        this.#at = end;
        equal = 0;
        last = -1;
        continue;
      }
      equal = octet === last ? equal + 1 : 1;
      last = octet;
      this.#bytes[this.#at++] = octet;
    }
  }
}
