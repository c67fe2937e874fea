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
  /** The file with all but the first of the bytes, for whoever keeps the message to take over. */
  readonly file?: StagedFile;
}

/** Content in a file that nobody else needs any more. */
export interface StagedFile {
  /** The bytes of the content that precede those of the file. */
  readonly before: Uint8Array;
  /** Of the file, as its CRC-32 is. */
  readonly sizeBytes: number;
  readonly crc32: number;
  /** What was written is on disk when this resolves. */
  sync(): Promise<void>;
  /**
   * Gives it another name in the same file system, once; the content stays readable through it. False
   * when it has moved already or cannot get there; then it must be copied.
   */
  moveTo(path: string): Promise<boolean>;
}

/** Content in memory, as a value. */
export function memoryContent(chunks: readonly Uint8Array[]): Content {
  return {
    sizeBytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    chunks,
    read: () => readChunks(chunks),
  };
}

/** Chunks in memory, read like any others; a generator would make several promises for each. */
export function readChunks(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  return new ReadChunks(chunks);
}

class ReadChunks implements AsyncIterable<Uint8Array> {
  readonly #chunks: readonly Uint8Array[];

  constructor(chunks: readonly Uint8Array[]) {
    this.#chunks = chunks;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const left = this.#chunks.values();
    return { next: () => Promise.resolve(left.next()) };
  }
}
