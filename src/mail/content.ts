/**
 * The content of a message: the bytes between DATA and the final dot, dots un-stuffed, each line
 * ended by CRLF; only content that came by BDAT may end within a line. Bytes stay bytes: content is
 * never a string and is never written anew.
 */
export interface Content {
  readonly sizeBytes: number;
  /**
   * The bytes in order, in chunks of at most some 64 KiB. May be read several times and side by
   * side. Rejects when the bytes cannot be read back; then nothing may be concluded from them.
   */
  read(): AsyncIterable<Uint8Array>;
  /** All chunks, when the content lies in memory: the way without a file. */
  readonly chunks?: readonly Uint8Array[];
}

/** Content in memory, as a value. */
export function memoryContent(chunks: readonly Uint8Array[]): Content {
  return {
    sizeBytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    chunks,
    // oxlint-disable-next-line require-yield -- yields by delegation
    async *read() {
      yield* chunks;
    },
  };
}
