/**
 * What shows that stored bytes are the ones that were stored: a CRC-32, as LevelDB's own blocks have.
 * It is against disks, not against people, and costs a tenth of SHA-256, by which the first contents
 * were stored; those stay readable.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

const CRC = 'crc32:';

/** As it is stored. */
export function crcText(crc: number): string {
  return CRC + crc.toString(16).padStart(8, '0');
}

/** Proves bytes that are read back against what was stored with them. */
export interface Proof {
  update(bytes: Uint8Array): void;
  /** After the last byte, once. */
  holds(): boolean;
}

export function proofOf(stored: string): Proof {
  if (!stored.startsWith(CRC)) {
    const hash = createHash('sha256');
    return {
      update: (bytes) => void hash.update(bytes),
      holds: () => hash.digest('base64') === stored,
    };
  }
  let crc = 0;
  return {
    update: (bytes) => void (crc = crc32(bytes, crc)),
    holds: () => crcText(crc) === stored,
  };
}
