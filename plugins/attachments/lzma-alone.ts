/**
 * Files of the old form .lzma (xz(1), "LZMA_Alone"): five octets of settings, the length of the content
 * or none, the packed content. No mark begins them, so they are told by what the settings of real ones are.
 */
import { Unpacker } from './lzma.ts';
import type { Begun } from './xz.ts';

const HEADER_BYTES = 13;
const NO_LENGTH = 0xffff_ffff_ffff_ffffn;
/** What every program sets unless it is told otherwise. */
const USUAL_SETTINGS = 0x5d;
/** As xz takes it: nobody has more. */
const MAX_LENGTH = 2n ** 38n;
const LEAST_DICTIONARY = 2 ** 12;

export function isLzmaAlone(head: Buffer): boolean {
  if (head.length <= HEADER_BYTES || head[0] !== USUAL_SETTINGS || head[HEADER_BYTES] !== 0) {
    return false;
  }
  const dictionary = head.readUInt32LE(1);
  const length = head.readBigUInt64LE(5);
  const power = 2 ** Math.floor(Math.log2(dictionary));
  const isUsual = dictionary === power || dictionary === power * 1.5;
  return dictionary >= LEAST_DICTIONARY && isUsual && (length === NO_LENGTH || length < MAX_LENGTH);
}

export function beginningOfLzmaAlone(packed: Buffer, wanted: number): Begun | undefined {
  if (packed.length <= HEADER_BYTES) return undefined;
  const said = packed.readBigUInt64LE(5);
  const length = said === NO_LENGTH ? Infinity : Number(said);
  const bytes = Buffer.alloc(Math.min(length, wanted));
  const unpacker = Unpacker.of(packed[0] ?? 255);
  const filled = unpacker?.fill(packed.subarray(HEADER_BYTES), bytes, 0, bytes.length, 0);
  if (filled === undefined) return undefined;
  const { at, isMarkedEnd } = filled;
  return { bytes: bytes.subarray(0, at), isWhole: isMarkedEnd || at === length };
}
