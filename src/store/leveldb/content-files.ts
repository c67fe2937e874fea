/**
 * Large content lies beside the database, one file for each message: LevelDB would write every byte
 * at least twice and rewrite it while it lives, a file is written once and gone when it is unlinked.
 * A file is synced, and so is its folder, before the record that speaks of it is written; it is
 * unlinked after the record is gone. So a record always has its file, and a file without a record is
 * what a crash left, which the sweep removes. Nobody gets the whole of a damaged file.
 */
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Clock } from '../../base/clock.ts';
import { DISK_DEADLINE_MS, withDeadline } from '../../base/deadline.ts';
import { isOutOfRoom } from '../../base/disk-room.ts';
import { CodedError, errorText } from '../../base/errors.ts';
import { Places } from '../../base/places.ts';
import { writeAll } from '../../base/write-all.ts';
import type { Content, StagedFile } from '../../mail/content.ts';
import { crcText, proofOf } from './content-proof.ts';
import { FolderSync } from './folder-sync.ts';
import type { Folder } from './folder-sync.ts';
import type { GuardedDatabase } from './guard.ts';
import { isId } from './keys.ts';
import type { StoredContent } from './record-codec.ts';

/** Chunks are gathered to writes of about this size, and read back in pieces of it. */
const PIECE_BYTES = 256 * 1024;
/**
 * Files written at once; the rest waits where it is staged. A file waits for the disk most of the
 * time, and those that wait together share a commit of its journal; each costs memory for a piece. Not
 * more, for Node gives file work four threads, and a batch of the database waits in the same line.
 */
const WRITES_AT_ONCE = 8;
/** More of our own fields than this do not belong into a record, which is read for every list. */
const MAX_BEFORE_BYTES = 16 * 1024;
/** Leftovers looked at between two turns of the event loop. */
const SWEEP_AT_ONCE = 100;

/** The calls on the file system that a test makes fail. */
export interface FileAccess {
  /** Makes the folder if it is missing, and names what is in it. */
  prepare(path: string): Promise<string[]>;
  create(path: string): Promise<Pick<FileHandle, 'writev' | 'datasync' | 'close'>>;
  openFolder(path: string): Promise<Folder>;
}

export interface ContentFilesOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** On the same disk: what fails here has failed there, and the other way round. */
  readonly database: Pick<GuardedDatabase, 'failure' | 'condemn' | 'inTime'>;
  readonly access?: FileAccess;
}

export const DISK: FileAccess = {
  async prepare(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return readdir(path);
  },
  create: (path) => open(path, 'wx', 0o600),
  openFolder: (path) => open(path, 'r'),
};

export class ContentFiles {
  readonly #options: ContentFilesOptions;
  readonly #access: FileAccess;
  readonly #folder: FolderSync;
  readonly #writes = new Places(WRITES_AT_ONCE);
  #found: readonly string[] = [];
  #sweeping: Promise<void> | undefined;
  #stopped = false;

  constructor(options: ContentFilesOptions) {
    this.#options = options;
    this.#access = options.access ?? DISK;
    this.#folder = new FolderSync(() => this.#access.openFolder(options.folder));
  }

  /** Before anything is written: what is there now is of earlier runs. */
  async open(): Promise<void> {
    this.#found = await this.#access.prepare(this.#options.folder);
  }

  /**
   * The content is on disk, under its own name, when this resolves. Rejects with `STORE_FULL` or
   * `STORE_FAILED`, or as the content does that cannot be read; then nothing of it stays.
   */
  write(id: string, content: Content): Promise<StoredContent> {
    return this.#writes.run(async () => {
      // Who waited for a place behind those that hang does not wait as long again.
      const failure = this.#options.database.failure();
      if (failure !== undefined) throw failure;
      await this.#makeRoom(id);
      const { file } = content;
      const taken = file && (await this.#takeOver(id, content.sizeBytes, file));
      if (taken !== undefined) return taken;
      const made = await this.#onDisk(() => this.#access.create(this.#path(id)));
      return this.#orNothing(id, this.#fill(id, made, content));
    });
  }

  /** The file of that id is ours: should the rest fail, it goes. */
  async #orNothing<T>(id: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      // What stays is swept at the next start.
      await this.#tidied(unlink(this.#path(id)).catch(() => undefined));
      throw error;
    }
  }

  async *read(id: string, stored: StoredContent): AsyncIterable<Uint8Array> {
    const file = await this.#toRead(id);
    try {
      const before = Buffer.from(stored.before ?? '', 'base64');
      if (before.length > 0) yield before;
      const fileBytes = stored.bytes - before.length;
      const proof = proofOf(stored.digest);
      for (let at = 0; at < fileBytes;) {
        const wanted = Math.min(PIECE_BYTES, fileBytes - at);
        const { buffer, bytesRead } = await this.#inTime(id, () =>
          file.read({ buffer: Buffer.allocUnsafe(wanted), position: at }),
        );
        if (bytesRead === 0) throw damaged(id, `${at} bytes of ${fileBytes}`);
        const piece = buffer.subarray(0, bytesRead);
        proof.update(piece);
        at += bytesRead;
        if (at === fileBytes && !proof.holds()) throw damaged(id, 'its digest differs');
        yield piece;
      }
    } finally {
      // Nothing depends on it, and a disk that does not answer would not answer here either.
      file.close().catch(() => undefined);
    }
  }

  async #toRead(id: string): Promise<FileHandle> {
    const opened = open(this.#path(id), 'r');
    try {
      return await this.#inTime(id, () => opened);
    } catch (error) {
      opened.then((file) => file.close()).catch(() => undefined);
      throw error;
    }
  }

  #inTime<T>(id: string, read: () => Promise<T>): Promise<T> {
    return this.#options.database.inTime(() =>
      read().catch((error: unknown) => {
        throw damaged(id, errorText(error));
      }),
    );
  }

  /** The message is gone. A file that stays all the same is swept at the next start. */
  remove(id: string): void {
    unlink(this.#path(id)).catch(() => undefined);
  }

  /** Names of the files that were there at the opening. */
  found(): readonly string[] {
    return this.#found;
  }

  /** Begins to remove the files found at the opening that no record speaks of. */
  sweep(isStored: (id: string) => Promise<boolean>): void {
    // What cannot be looked up now stays for the next start.
    this.#sweeping = this.#sweep(isStored).catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#sweeping;
    await this.#folder.stop();
  }

  /**
   * A part of a message has the same id when a crash has it done again. What that left goes first, or
   * the sweep would take what is written now for it.
   */
  async #makeRoom(id: string): Promise<void> {
    if (!this.#found.includes(id)) return;
    await this.#sweeping;
    await unlink(this.#path(id)).catch(() => undefined); // else the writing tells
  }

  async #sweep(isStored: (id: string) => Promise<boolean>): Promise<void> {
    const found = this.#found;
    for (let at = 0; at < found.length && !this.#stopped; at += SWEEP_AT_ONCE) {
      const some = found.slice(at, at + SWEEP_AT_ONCE);
      await Promise.all(
        some.map(async (name) => {
          if (!isId(name) || (await isStored(name))) return;
          await unlink(this.#path(name)).catch(() => undefined);
        }),
      );
    }
    this.#found = [];
  }

  /** The file that the content was staged in becomes the stored one: nothing is written twice. */
  async #takeOver(id: string, bytes: number, file: StagedFile): Promise<StoredContent | undefined> {
    const { before, sizeBytes } = file;
    if (before.length > MAX_BEFORE_BYTES) return undefined;
    if (before.length + sizeBytes !== bytes)
      throw new Error(`content of ${id} has ${before.length} + ${sizeBytes} bytes, not ${bytes}`);
    await this.#onDisk(() => file.sync(), { isSync: true });
    if (!(await this.#onDisk(() => file.moveTo(this.#path(id))))) return undefined;
    await this.#orNothing(id, this.#syncFolder());
    const digest = crcText(file.crc32);
    return { bytes, digest, before: Buffer.from(before).toString('base64') };
  }

  async #fill(
    id: string,
    file: Pick<FileHandle, 'writev' | 'datasync' | 'close'>,
    content: Content,
  ): Promise<StoredContent> {
    let crc = 0;
    let bytes = 0;
    try {
      let piece: Uint8Array[] = [];
      let pieceBytes = 0;
      const flush = async () => {
        const chunks = piece;
        piece = [];
        pieceBytes = 0;
        await this.#onDisk(() => writeAll(file, chunks));
      };
      for await (const chunk of content.chunks ?? content.read()) {
        crc = crc32(chunk, crc);
        bytes += chunk.length;
        piece.push(chunk);
        pieceBytes += chunk.length;
        // What lies in memory anyway goes in one write.
        if (pieceBytes >= PIECE_BYTES && content.chunks === undefined) await flush();
      }
      if (bytes !== content.sizeBytes)
        throw new Error(`content of ${id} has ${bytes} bytes, it declared ${content.sizeBytes}`);
      if (pieceBytes > 0) await flush();
      await this.#onDisk(() => file.datasync(), { isSync: true });
    } finally {
      await this.#tidied(file.close());
    }
    await this.#syncFolder();
    return { bytes, digest: crcText(crc) };
  }

  /** A disk that does not answer would not answer here either, and somebody waits to hear it. */
  async #tidied(work: Promise<void>): Promise<void> {
    if (this.#options.database.failure() === undefined) return work;
    work.catch(() => undefined);
  }

  async #syncFolder(): Promise<void> {
    if (this.#stopped) throw new CodedError('STOPPING', 'the store is closed');
    await this.#onDisk(() => this.#folder.sync(), { isSync: true });
  }

  /** After a sync that failed nobody knows what is on the disk: that is never only a lack of room. */
  async #onDisk<T>(work: () => Promise<T>, { isSync = false } = {}): Promise<T> {
    const { clock, database, folder } = this.#options;
    try {
      return await withDeadline(clock, DISK_DEADLINE_MS, 'store', work);
    } catch (error) {
      if (isSync || !(isOutOfRoom(error) || isThere(error))) throw database.condemn(error);
      throw new CodedError('STORE_FULL', `store ${folder}: ${errorText(error)}`, { cause: error });
    }
  }

  #path(id: string): string {
    return join(this.#options.folder, id);
  }
}

/** The file is of an attempt that lost its lease and has not noticed it yet. */
function isThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}

function damaged(id: string, what: string): CodedError {
  return new CodedError('STORE_DAMAGED', `content of ${id}: ${what}`);
}
