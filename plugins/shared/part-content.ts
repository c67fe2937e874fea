/**
 * What is kept of the content of a part while its lines come by: how it begins, for each encoding that
 * its header names, and all of it when it begins like a document, up to a limit. It is decoded as it
 * comes.
 */
import type { Decoder, TransferEncoding } from './transfer-encoding.ts';
import { decoderOf } from './transfer-encoding.ts';

/** What the header of a part says of it. */
export interface Declared {
  /** Declared types, lower case; several when the header contradicts itself. */
  readonly types: readonly string[];
  readonly names: readonly string[];
}

export interface KeepRule {
  /** Whether a part that begins so is kept as a whole. */
  readonly isWanted: (head: Buffer, declared: Declared) => boolean;
  /** Octets of `head` that are enough to tell. */
  readonly probe: number;
  /** Decoded octets of one part. */
  readonly limit: number;
}

/** A part that is kept. */
export interface KeptContent {
  readonly pieces: readonly Buffer[];
  /** False when it is longer than the limit; what is above it is not there. */
  readonly isWhole: boolean;
}

/** Enough for what lies at 32 KiB (ISO 9660). */
const HEAD_BYTES = 64 * 1024;
/** Raw octets that are decoded at a time. */
const BLOCK_BYTES = 48 * 1024;
const LINE_END_BYTES = 2;

export class PartContent {
  readonly #readings: readonly Reading[];
  #block: Uint8Array[] = [];
  #blockBytes = 0;
  #isOpen = true;

  constructor(
    encodings: ReadonlySet<TransferEncoding>,
    declared: Declared,
    keep: KeepRule | undefined,
  ) {
    this.#readings = [...encodings].map((encoding) => new Reading(encoding, declared, keep));
  }

  push(line: Uint8Array): void {
    if (!this.#isOpen) return;
    // A copy: the chunk belongs to whoever reads the content.
    this.#block.push(Buffer.from(line));
    this.#blockBytes += line.length;
    if (this.#blockBytes >= BLOCK_BYTES) this.#decode(LINE_END_BYTES);
  }

  #cutLineEnd(): void {
    const end = Buffer.concat(this.#block);
    const lineEnd = /\r?\n$/.exec(end.subarray(-LINE_END_BYTES).toString('latin1'))?.[0] ?? '';
    this.#block = [end.subarray(0, end.length - lineEnd.length)];
  }

  /** `left`: octets that wait, for they may be the line end before a boundary. */
  #decode(left: number): void {
    const block = Buffer.concat(this.#block);
    const raw = block.subarray(0, block.length - left);
    this.#block = left === 0 ? [] : [block.subarray(raw.length)];
    this.#blockBytes = block.length - raw.length;
    for (const reading of this.#readings) reading.push(raw);
    this.#isOpen = this.#readings.some((reading) => reading.isOpen);
  }

  /** The line end before a boundary is no part of the content (RFC 2046 5.1.1). */
  end(isBeforeBoundary: boolean): {
    readonly heads: readonly Buffer[];
    readonly kept: readonly KeptContent[];
  } {
    if (isBeforeBoundary) this.#cutLineEnd();
    this.#decode(0);
    for (const reading of this.#readings) reading.end();
    return {
      heads: this.#readings.map((reading) => reading.head),
      kept: this.#readings.flatMap((reading) => reading.kept ?? []),
    };
  }
}

/** The content as one of its encodings has it. */
class Reading {
  readonly #decoder: Decoder;
  readonly #declared: Declared;
  readonly #keep: KeepRule | undefined;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #head: Buffer | undefined;
  /** Undefined until enough is there to tell. */
  #isWanted: boolean | undefined;
  #isWhole = true;

  constructor(encoding: TransferEncoding, declared: Declared, keep: KeepRule | undefined) {
    this.#decoder = decoderOf(encoding);
    this.#declared = declared;
    this.#keep = keep;
    if (keep === undefined) this.#isWanted = false;
  }

  get isOpen(): boolean {
    return this.#isWanted === false ? this.#head === undefined : this.#isWhole;
  }

  get head(): Buffer {
    return this.#head ?? this.#begun(HEAD_BYTES);
  }

  get kept(): KeptContent | undefined {
    return this.#isWanted === true ? { pieces: this.#pieces, isWhole: this.#isWhole } : undefined;
  }

  push(raw: Buffer): void {
    if (this.isOpen) this.#take(this.#decoder.push(raw));
  }

  end(): void {
    if (this.isOpen) this.#take(this.#decoder.end());
    if (this.#isWanted === undefined) this.#decide();
  }

  #take(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#isWanted === undefined && this.#bytes >= (this.#keep?.probe ?? 0)) this.#decide();
    if (this.#head === undefined && this.#bytes >= HEAD_BYTES) this.#head = this.#begun(HEAD_BYTES);
    if (this.#isWanted === false && this.#head !== undefined) this.#pieces = [];
    if (this.#keep !== undefined && this.#bytes > this.#keep.limit) this.#isWhole = false;
  }

  #decide(): void {
    this.#isWanted = this.#keep?.isWanted(this.#begun(this.#keep.probe), this.#declared) ?? false;
  }

  #begun(most: number): Buffer {
    const pieces: Buffer[] = [];
    let bytes = 0;
    for (const piece of this.#pieces) {
      if (bytes >= most) break;
      pieces.push(piece);
      bytes += piece.length;
    }
    return Buffer.concat(pieces).subarray(0, most);
  }
}
