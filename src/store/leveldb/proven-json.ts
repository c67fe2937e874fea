/**
 * JSON that proves itself: the CRC-32 of the text, a blank, the text. LevelDB does not verify what it
 * reads back from a table, so what must not be taken for something else is stored like this.
 */
import { crc32 } from 'node:zlib';
import * as read from './json-shape.ts';

const CRC_DIGITS = 8;

export function encodeProven(value: object): Buffer {
  const text = JSON.stringify(value);
  return Buffer.from(`${checksum(text)} ${text}`);
}

/** What `shape` makes of the object; undefined when it is damaged or `shape` throws. */
export function decodeProven<T>(stored: Uint8Array, shape: (json: read.Json) => T): T | undefined {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const text = bytes.subarray(CRC_DIGITS + 1);
  if (bytes.toString('latin1', 0, CRC_DIGITS + 1) !== `${checksum(text)} `) return undefined;
  try {
    return shape(read.object(JSON.parse(text.toString())));
  } catch {
    // JSON that is none, or of another shape, though its checksum is right: not written by us.
    return undefined;
  }
}

function checksum(text: string | Uint8Array): string {
  return crc32(text).toString(16).padStart(CRC_DIGITS, '0');
}
