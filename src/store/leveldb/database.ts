/**
 * The database handle: the few calls of LevelDB that the stores use, as an interface, so that tests
 * put their faults between. Keys are text, values bytes; keys sort by their UTF-8 bytes. Opening
 * says clearly why it cannot be done, and never makes a new database over the remains of an old one.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClassicLevel } from 'classic-level';
import { Level } from 'level';
import { CodedError, errorText } from '../../base/errors.ts';
import { lockHolder } from './lock-holder.ts';

export type WriteOp =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string };

/** A range of keys, `gte` or `gt` up to but without `lt`. */
export type Range = { readonly lt: string; readonly limit?: number } & (
  { readonly gte: string } | { readonly gt: string }
);

export type KeyValue = readonly [key: string, value: Uint8Array];

export interface BatchWriter {
  /** All of it or nothing; on disk when `sync` was asked for and it resolved. */
  batch(ops: readonly WriteOp[], options: { readonly sync: boolean }): Promise<void>;
}

export interface Database extends BatchWriter {
  get(key: string): Promise<Uint8Array | undefined>;
  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]>;
  has(key: string): Promise<boolean>;
  /** In key order, a page at a time; the view of the moment it began. */
  keys(range: Range): AsyncIterable<readonly string[]>;
  entries(range: Range): AsyncIterable<readonly KeyValue[]>;
  /** The first key of the range, then the first at or behind `skipTo` of it, and so on. */
  firstKeys(range: Range, skipTo: (key: string) => string): AsyncIterable<string>;
  /** Gives the disk space of deleted keys in [start, end) back. */
  compact(start: string, end: string): Promise<void>;
  close(): Promise<void>;
}

export interface DatabaseSizes {
  readonly writeBufferBytes: number;
  readonly cacheBytes: number;
  /** LevelDB's own 2 MiB when left out. */
  readonly fileBytes?: number;
}

/** A write buffer bigger than LevelDB's 4 MiB, so that a busy spool writes fewer and larger files. */
const SPOOL_SIZES: DatabaseSizes = {
  writeBufferBytes: 16 * 1024 * 1024,
  cacheBytes: 8 * 1024 * 1024,
};
const PAGE_KEYS = 1000;
const PAGE_BYTES = 512 * 1024;

/** Opens the database in `folder`, made if missing. */
export async function openDatabase(folder: string, sizes = SPOOL_SIZES): Promise<Database> {
  await prepareFolder(folder);
  // In Node `level` is classic-level, whose compaction its own type leaves out.
  const level = new Level<string, Buffer>(folder, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    writeBufferSize: sizes.writeBufferBytes,
    cacheSize: sizes.cacheBytes,
    ...(sizes.fileBytes !== undefined && { maxFileSize: sizes.fileBytes }),
  }) as unknown as ClassicLevel<string, Buffer>;
  try {
    await level.open();
  } catch (error) {
    throw await openError(folder, error);
  }
  return adapt(level);
}

async function prepareFolder(folder: string): Promise<void> {
  let names: string[];
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    names = await readdir(folder);
  } catch (error) {
    throw new CodedError('STORE_FAILED', `store ${folder}: ${errorText(error)}`, { cause: error });
  }
  // Without CURRENT, LevelDB would begin a new database and delete these files.
  if (!names.includes('CURRENT') && names.some((name) => /^MANIFEST-|\.(ldb|sst)$/.test(name))) {
    throw new CodedError('STORE_DAMAGED', `store ${folder}: the file CURRENT is missing`);
  }
}

async function openError(folder: string, error: unknown): Promise<CodedError> {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const text = `store ${folder}: ${errorText(cause)}`;
  if (code === 'LEVEL_LOCKED') {
    const pid = await lockHolder(join(folder, 'LOCK'));
    const who = pid === undefined ? 'another process' : `process ${pid}`;
    const message = `store ${folder} is in use by ${who}`;
    return new CodedError('STORE_LOCKED', message, { cause });
  }
  const damaged = code === 'LEVEL_CORRUPTION' || /No such file/i.test(text);
  return new CodedError(damaged ? 'STORE_DAMAGED' : 'STORE_FAILED', text, { cause });
}

function readError(error: unknown): never {
  const closed = error instanceof Error && 'code' in error && /NOT_OPEN/.test(String(error.code));
  throw new CodedError(closed ? 'STOPPING' : 'STORE_DAMAGED', `store: ${errorText(error)}`, {
    cause: error,
  });
}

function adapt(level: ClassicLevel<string, Buffer>): Database {
  const options = (range: Range) => ({ ...range, highWaterMarkBytes: PAGE_BYTES });
  return {
    async batch(ops, { sync }) {
      // Half the cost of handing the driver a list, of which it copies each operation.
      const batch = level.batch();
      for (const op of ops) {
        if (op.type === 'put') batch.put(op.key, asBuffer(op.value));
        else batch.del(op.key);
      }
      await batch.write({ sync });
    },
    get: (key) => level.get(key).catch(readError),
    getMany: (keys) => level.getMany([...keys]).catch(readError),
    has: (key) => level.has(key).catch(readError),
    keys: (range) => pages(level.keys(options(range))),
    entries: (range) => pages(level.iterator(options(range))),
    firstKeys: (range, skipTo) => skipping(level.keys<string>(range), skipTo),
    compact: (start, end) => level.compactRange(start, end),
    close: () => level.close(),
  };
}

async function* skipping(
  iterator: {
    next(): Promise<string | undefined>;
    seek(target: string): void;
    close(): Promise<void>;
  },
  skipTo: (key: string) => string,
): AsyncIterable<string> {
  try {
    for (;;) {
      const key = await iterator.next().catch(readError);
      if (key === undefined) return;
      yield key;
      iterator.seek(skipTo(key));
    }
  } finally {
    await iterator.close();
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function* pages<T>(iterator: {
  nextv(size: number): Promise<T[]>;
  close(): Promise<void>;
}): AsyncIterable<readonly T[]> {
  try {
    for (;;) {
      const page = await iterator.nextv(PAGE_KEYS).catch(readError);
      if (page.length === 0) return;
      yield page;
    }
  } finally {
    await iterator.close();
  }
}
