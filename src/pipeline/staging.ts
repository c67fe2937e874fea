/**
 * Where content rests between DATA and the decision: in memory while it is small and the common
 * budget lasts; then in a file, which the store takes over when the message is kept. Content in
 * staging is nobody's promise yet: it may be thrown away at any time by `discard`, and what a crash
 * left of it is removed at the next start.
 */
import { mkdir, open, readdir, rename, rm, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Clock } from '../base/clock.ts';
import { DISK_DEADLINE_MS, withDeadline } from '../base/deadline.ts';
import { writeAll } from '../base/write-all.ts';
import type { Content, StagedFile } from '../mail/content.ts';
import { readChunks } from '../mail/content.ts';

/** A message up to here may lie in memory; larger ones go through a file whatever the budget. */
const MEMORY_PER_MESSAGE = 1024 * 1024;
/** All messages in memory together; beyond it even small ones go through files. */
const MEMORY_IN_ALL = 64 * 1024 * 1024;
/** File writes and reads are gathered to this size. */
const FILE_CHUNK = 256 * 1024;
/** Smaller pieces are gathered in blocks: an object for each would cost many times its bytes. */
const SMALL_PIECE = 2048;
const BLOCK = 4096;

/** Rejects when so many bytes may not be written. */
type Admit = (bytes: number) => Promise<void>;

export class StagingArea {
  readonly #folder: string;
  readonly admit: Admit;
  readonly clock: Clock;
  #inMemory = 0;
  #files = 0;

  private constructor(folder: string, admit: Admit, clock: Clock) {
    this.#folder = folder;
    this.admit = admit;
    this.clock = clock;
  }

  /**
   * Makes the folder, or empties it: it must be nobody else's. `admit` is asked before each write:
   * many large messages at once must not fill the disk that the store needs.
   */
  static async open(folder: string, admit: Admit, clock: Clock): Promise<StagingArea> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
    return new StagingArea(folder, admit, clock);
  }

  begin(id: string): Staging {
    return new Staging(this, id);
  }

  /** True when the bytes may stay in memory; they must be given back with `giveBack`. */
  take(bytes: number): boolean {
    if (this.#inMemory + bytes > MEMORY_IN_ALL) return false;
    this.#inMemory += bytes;
    return true;
  }
  giveBack(bytes: number): void {
    this.#inMemory -= bytes;
  }

  async openFile(id: string): Promise<OpenFile> {
    this.#files += 1;
    const path = join(this.#folder, `${id}-${this.#files}`);
    return { path, handle: await open(path, 'wx+', 0o600) };
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  /** Undefined once somebody has taken it over. */
  path: string | undefined;
}

export class Staging {
  readonly #area: StagingArea;
  readonly #id: string;
  #chunks: Uint8Array[] = [];
  /** Memory behind the last chunk, when that gathers small pieces. */
  #block: Uint8Array | undefined;
  #pendingBytes = 0;
  #taken = 0;
  #sizeBytes = 0;
  #file: OpenFile | undefined;
  #fileBytes = 0;
  #fileCrc = 0;
  #writing: Promise<void> | undefined;
  #failure: Error | undefined;
  #discarded = false;

  constructor(area: StagingArea, id: string) {
    this.#area = area;
    this.#id = id;
  }

  /**
   * Takes bytes, which are nobody else's from now on; a promise asks the caller to wait. Rejects when
   * the file cannot be written, not within the deadline of a disk, or there is too little room for it.
   */
  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#sizeBytes += bytes.length;
    this.#keep(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#file === undefined && this.#writing === undefined) {
      if (this.#sizeBytes <= MEMORY_PER_MESSAGE && this.#area.take(bytes.length)) {
        this.#taken += bytes.length;
        return undefined;
      }
    } else if (this.#pendingBytes < FILE_CHUNK) return undefined;
    return this.#spill();
  }

  /** Ends the writing; the content may be read until `discard`. */
  async finish(): Promise<Content> {
    if (this.#writing !== undefined || this.#file !== undefined) await this.#spill();
    const file = this.#file;
    if (file === undefined) {
      const chunks = this.#chunks;
      return { sizeBytes: this.#sizeBytes, chunks, read: () => readChunks(chunks) };
    }
    const sizeBytes = this.#fileBytes;
    return {
      sizeBytes,
      read: () => readFile(this.#area.clock, file.handle, sizeBytes),
      file: stagedFile(file, sizeBytes, this.#fileCrc),
    };
  }

  /** Frees memory and file, once what is being written is. Readers that are still at it fail, which is theirs to expect. */
  async discard(): Promise<void> {
    if (this.#discarded) return;
    this.#discarded = true;
    this.#chunks = [];
    this.#block = undefined;
    this.#area.giveBack(this.#taken);
    this.#taken = 0;
    await this.#writing?.catch(() => undefined);
    if (this.#file === undefined) return;
    const { handle, path } = this.#file;
    this.#file.path = undefined;
    if (path !== undefined) await unlink(path).catch(() => undefined); // the next start will
    await handle.close();
  }

  /** A message in one piece, which most are, is not copied. */
  #keep(bytes: Uint8Array): void {
    const last = this.#chunks.at(-1);
    if (last === undefined || bytes.length >= SMALL_PIECE) {
      this.#block = undefined;
      this.#chunks.push(bytes);
      return;
    }
    if (this.#block === undefined || last.length + bytes.length > BLOCK) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK);
      this.#block.set(bytes);
      this.#chunks.push(this.#block.subarray(0, bytes.length));
      return;
    }
    this.#block.set(bytes, last.length);
    this.#chunks[this.#chunks.length - 1] = this.#block.subarray(0, last.length + bytes.length);
  }

  /** Writes what is pending behind what is being written. */
  #spill(): Promise<void> {
    const before = this.#writing ?? Promise.resolve();
    const writing = before.then(async () => {
      if (this.#discarded) return;
      await this.#area.admit(this.#pendingBytes);
      this.#file ??= await this.#area.openFile(this.#id);
      const chunks = this.#chunks;
      this.#chunks = [];
      this.#block = undefined;
      this.#pendingBytes = 0;
      this.#area.giveBack(this.#taken);
      this.#taken = 0;
      for (const chunk of chunks) this.#fileCrc = crc32(chunk, this.#fileCrc);
      await writeAll(this.#file.handle, chunks, this.#fileBytes);
      for (const chunk of chunks) {
        this.#fileBytes += chunk.length;
        free(chunk);
      }
    });
    this.#writing = writing;
    const { clock } = this.#area;
    const told = withDeadline(clock, DISK_DEADLINE_MS, 'staging', () => writing);
    told.catch((error: unknown) => {
      this.#failure = error as Error;
    });
    return told;
  }
}

/**
 * Gives the memory of bytes back at once, where nothing else lies in it. The collector would look
 * through the whole heap for each 64 MiB that came over the network, which costs more than the mail.
 */
function free({ buffer, length }: Uint8Array): void {
  if (length > 0 && length === buffer.byteLength && buffer instanceof ArrayBuffer)
    buffer.transfer(0);
}

function stagedFile(file: OpenFile, sizeBytes: number, crc: number): StagedFile {
  return {
    before: new Uint8Array(),
    sizeBytes,
    crc32: crc,
    sync: () => file.handle.datasync(),
    async moveTo(path) {
      const from = file.path;
      if (from === undefined) return false;
      file.path = undefined;
      try {
        await rename(from, path);
        return true;
      } catch (error) {
        file.path = from;
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (code === 'EXDEV' || code === 'ENOENT') return false;
        throw error;
      }
    },
  };
}

async function* readFile(
  clock: Clock,
  file: FileHandle,
  length: number,
): AsyncGenerator<Uint8Array> {
  let at = 0;
  while (at < length) {
    const buffer = Buffer.allocUnsafe(Math.min(FILE_CHUNK, length - at));
    const position = at;
    const { bytesRead } = await withDeadline(clock, DISK_DEADLINE_MS, 'staging', () =>
      file.read({ buffer, position }),
    );
    if (bytesRead === 0) throw new Error('staging file is shorter than what was written to it');
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}
