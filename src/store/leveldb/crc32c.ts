/** The checksum of LevelDB's files: CRC-32C (Castagnoli, RFC 3720 B.4), which node:zlib does not have. */

/** Of each byte, with the polynomial's bits in reverse. Signed, as the engine's integers are. */
const TABLE: Readonly<Int32Array> = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc | 0;
});

/** By index, for this is every byte of the log at each start, and an iterator is dear. */
export function crc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (let at = 0; at < bytes.length; at++) {
    crc = (TABLE[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
