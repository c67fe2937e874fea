/**
 * Looks at LevelDB's write-ahead log before LevelDB does. What was promised last lies there alone, up to
 * the size of the write buffer, and LevelDB passes over what it cannot read of it without a word: mail
 * would be gone, and what had been delivered would be there again. A log that ends within a write is no
 * damage, nor is a last write of which parts are missing, for that is how a crash leaves what nobody was
 * promised; a record that cannot be right, with the beginning of another write behind it, is: each write
 * is on the disk before the next one begins. Never writes.
 */
import { open, readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../base/errors.ts';
import { crc32c } from './crc32c.ts';

/** doc/log_format.md of LevelDB: blocks of records, each with checksum, length and type before it. */
const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const LENGTH_AT = 4;
const TYPE_AT = 6;
/** A whole write, or the first part of one; middle and last parts have the types behind. */
const BEGINNING_TYPES: ReadonlySet<number> = new Set([1, 2]);
const LAST_TYPE = 4;
const LOG_NAME = /^\d+\.log$/;

/** Rejects with STORE_DAMAGED. A folder without a database is for whoever opens it. */
export async function proveLogs(folder: string): Promise<void> {
  const names = await namesIn(folder);
  if (!names.includes('CURRENT')) return;
  const logs = names.filter((name) => LOG_NAME.test(name));
  if (logs.length === 0) throw damaged(folder, 'its log is missing: what came last lay there');
  for (const name of logs.toSorted()) {
    const at = await damageIn(join(folder, name));
    if (at !== undefined)
      throw damaged(folder, `its log ${name} is damaged at byte ${at}, with more behind it`);
  }
}

function damaged(folder: string, text: string): CodedError {
  return new CodedError('STORE_DAMAGED', `store ${folder}: ${text}`);
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return []; // opening it says what is wrong
  }
}

/** Where the first record is that cannot be read, when another write begins behind it. */
async function damageIn(file: string): Promise<number | undefined> {
  const handle = await open(file);
  try {
    let badAt: number | undefined;
    for (let start = 0; ; start += BLOCK_BYTES) {
      const block = await readBlock(handle, start);
      if (block.length === 0) return undefined;
      const { end, begins } = soundFrom(block, 0);
      if (badAt !== undefined && begins) return badAt;
      if (end === block.length) continue;
      badAt ??= start + end;
      if (beginsBehind(block, end)) return badAt;
    }
  } finally {
    await handle.close();
  }
}

async function readBlock(handle: FileHandle, start: number): Promise<Buffer> {
  const block = Buffer.alloc(BLOCK_BYTES);
  let length = 0;
  while (length < BLOCK_BYTES) {
    const { bytesRead } = await handle.read(block, length, BLOCK_BYTES - length, start + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return block.subarray(0, length);
}

/** The sound records from `offset` on: where they end, and whether a write begins among them. */
function soundFrom(block: Buffer, offset: number): { end: number; begins: boolean } {
  let begins = false;
  for (let at = offset; ;) {
    const room = block.length - at;
    // What is left of a whole block is too little for a record.
    if (room === 0 || (room < HEADER_BYTES && block.length === BLOCK_BYTES))
      return { end: block.length, begins };
    const end = endOfRecord(block, at);
    if (end === undefined) return { end: at, begins };
    begins ||= BEGINNING_TYPES.has(block[at + TYPE_AT] ?? 0);
    at = end;
  }
}

/** Undefined when there is no sound record at this place. */
function endOfRecord(block: Buffer, at: number): number | undefined {
  if (block.length - at < HEADER_BYTES) return undefined;
  const type = block[at + TYPE_AT] ?? 0;
  const end = at + HEADER_BYTES + block.readUInt16LE(at + LENGTH_AT);
  if (type === 0 || type > LAST_TYPE || end > block.length) return undefined;
  const crc = crc32c(block.subarray(at + TYPE_AT, end));
  return masked(crc) === block.readUInt32LE(at) ? end : undefined;
}

/** Its own length may be what is damaged: any place will do from which on all is sound to the end. */
function beginsBehind(block: Buffer, badAt: number): boolean {
  for (let at = badAt + 1; at + HEADER_BYTES <= block.length; at++) {
    if (endOfRecord(block, at) === undefined) continue;
    const { end, begins } = soundFrom(block, at);
    if (begins && end === block.length) return true;
  }
  return false;
}

/** LevelDB masks checksums that it stores (util/crc32c.h). */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
