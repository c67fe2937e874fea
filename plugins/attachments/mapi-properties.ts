/**
 * A list of MAPI properties as TNEF has it (MS-OXTNEF 2.1.3.4): each value is told with its property,
 * none is kept. What the lengths say is not trusted; the work is linear in the bytes there are.
 */
export interface PropertyValue {
  readonly id: number;
  /** MS-OXCDATA 2.11.1, without the bit for several values. */
  readonly type: number;
  readonly bytes: Buffer;
}

export const TEXT_8 = 0x001e;
export const TEXT_16 = 0x001f;
export const OBJECT = 0x000d;
const BINARY = 0x0102;
const VARIABLE: readonly number[] = [TEXT_8, TEXT_16, OBJECT, BINARY];
const FIXED_BYTES: Readonly<Record<number, number>> = {
  ...{ 0x0002: 2, 0x0003: 4, 0x0004: 4, 0x000a: 4, 0x000b: 2 },
  ...{ 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x0014: 8, 0x0040: 8, 0x0048: 16 },
};
const SEVERAL = 0x1000;
/** From here on a property has a name besides: a GUID, and a number or a text. */
const FIRST_NAMED = 0x8000;
const GUID_BYTES = 16;
const BY_NUMBER = 0;

/** False when the list is cut, or has a type that there is not: what follows cannot be read then. */
export function readProperties(bytes: Buffer, onValue: (value: PropertyValue) => void): boolean {
  const cursor = new Cursor(bytes);
  const count = cursor.number();
  for (let done = 0; done < count && !cursor.isBeyond; done++) {
    const head = cursor.number();
    const id = head >>> 16;
    const type = head & 0xffff & ~SEVERAL;
    if (id >= FIRST_NAMED) skipName(cursor);
    const fixed = FIXED_BYTES[type];
    if (fixed === undefined && !VARIABLE.includes(type)) return false;
    const hasCount = fixed === undefined || (head & SEVERAL) !== 0;
    const values = hasCount ? cursor.number() : 1;
    for (let value = 0; value < values && !cursor.isBeyond; value++) {
      onValue({ id, type, bytes: cursor.take(fixed ?? cursor.number()) });
    }
  }
  return !cursor.isBeyond;
}

function skipName(cursor: Cursor): void {
  cursor.take(GUID_BYTES);
  if (cursor.number() === BY_NUMBER) cursor.number();
  else cursor.take(cursor.number());
}

/** Everything begins at a multiple of four. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isBeyond(): boolean {
    return this.#at > this.#bytes.length;
  }

  number(): number {
    const bytes = this.take(4);
    return bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
  }

  /** Shorter where the bytes end. */
  take(length: number): Buffer {
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    // The last one may lack what fills it up.
    const isLast = this.#at + length === this.#bytes.length;
    this.#at += isLast ? length : Math.ceil(length / 4) * 4;
    return taken;
  }
}
