/**
 * Content in the database: parts of bounded size. What is small goes into the batch of its record.
 * Of larger content all but the last parts go ahead in synced batches of their own, under a mark
 * that says so: LevelDB does not sync an old log when it begins a new one, so a later synced write
 * would not vouch for an unsynced part. The last batch takes the mark away. Marks that are found at
 * start are of crashed commits. Memory stays at one step per message, whatever its size.
 */
import { createHash } from 'node:crypto';
import { CodedError } from '../../base/errors.ts';
import type { Content } from '../../mail/content.ts';
import type { Database, WriteOp } from './database.ts';
import type { GroupCommit } from './group-commit.ts';
import { endOf, openKey, partKey, partsPrefix, recordKey } from './keys.ts';
import type { StoredContent } from './record-codec.ts';

/** Values beyond this make LevelDB's rewriting dear. */
const PART_BYTES = 64 * 1024;
/** What one message adds to a batch at most. */
const STEP_BYTES = 256 * 1024;
/** Parts read back at once. */
const READ_PARTS = 4;
/** Deletions in one batch when leftovers are swept. */
const SWEEP_KEYS = 1000;

export interface WrittenContent {
  /** The operations that must go with the record, and make the content complete. */
  readonly ops: WriteOp[];
  readonly stored: StoredContent;
}

/** Writes all but the last step of `content`. Rejects, and leaves nothing, when it cannot be read. */
export async function writeContent(
  pump: GroupCommit,
  id: string,
  content: Content,
): Promise<WrittenContent> {
  const packer = new PartPacker(id, content.sizeBytes);
  let open = false;
  try {
    for await (const chunk of content.chunks ?? content.read()) {
      packer.add(chunk);
      if (packer.pendingBytes <= STEP_BYTES) continue;
      const ops = packer.takeOps();
      if (!open) ops.unshift({ type: 'put', key: openKey(id), value: new Uint8Array() });
      open = true;
      await pump.write(ops);
    }
    const stored = packer.end();
    const ops = packer.takeOps();
    if (open) ops.push({ type: 'del', key: openKey(id) });
    return { ops, stored };
  } catch (error) {
    // What failed is told to the caller; leftovers of a store that failed are swept at next start.
    if (open) await pump.write(deletion(id, packer.parts)).catch(() => undefined);
    throw error;
  }
}

/** The operations that delete `parts` parts of a message and its mark. */
export function deletion(id: string, parts: number): WriteOp[] {
  const ops = partDeletions(id, parts);
  ops.push({ type: 'del', key: openKey(id) });
  return ops;
}

export function partDeletions(id: string, parts: number): WriteOp[] {
  return Array.from({ length: parts }, (_, part) => ({ type: 'del', key: partKey(id, part) }));
}

/**
 * The content in parts. Length and digest are proven before the last part is handed out, so nobody
 * gets the whole of a damaged message.
 */
export async function* readContent(
  database: Database,
  id: string,
  stored: StoredContent,
): AsyncIterable<Uint8Array> {
  const digest = createHash('sha256');
  let bytes = 0;
  for (let first = 0; first < stored.parts; first += READ_PARTS) {
    const count = Math.min(READ_PARTS, stored.parts - first);
    const keys = Array.from({ length: count }, (_, part) => partKey(id, first + part));
    const parts = await database.getMany(keys);
    for (const [index, part] of parts.entries()) {
      if (part === undefined) throw damaged(id, `part ${first + index} is missing`);
      digest.update(part);
      bytes += part.length;
      if (first + index === stored.parts - 1) {
        if (bytes !== stored.bytes) throw damaged(id, `${bytes} bytes of ${stored.bytes}`);
        if (digest.digest('base64') !== stored.digest) throw damaged(id, 'its digest differs');
      }
      yield part;
    }
  }
}

/** Deletes the parts of commits that a crash cut off. Reads only their keys. */
export async function sweepLeftovers(database: Database): Promise<void> {
  for await (const marks of database.keys({ gte: 'o!', lt: endOf('o!') })) {
    for (const mark of marks) {
      const id = mark.slice('o!'.length);
      if (!database.has(recordKey(id))) await deleteParts(database, id);
      await database.batch([{ type: 'del', key: mark }], { sync: true });
    }
  }
}

async function deleteParts(database: Database, id: string): Promise<void> {
  const prefix = partsPrefix(id);
  for await (const keys of database.keys({ gte: prefix, lt: endOf(prefix) })) {
    for (let first = 0; first < keys.length; first += SWEEP_KEYS) {
      const some = keys.slice(first, first + SWEEP_KEYS);
      await database.batch(
        some.map((key) => ({ type: 'del', key })),
        { sync: true },
      );
    }
  }
}

function damaged(id: string, what: string): CodedError {
  return new CodedError('STORE_DAMAGED', `content of ${id}: ${what}`);
}

/** Packs chunks of any size into parts of a fixed one; a chunk that is a part is not copied. */
class PartPacker {
  parts = 0;
  pendingBytes = 0;
  readonly #id: string;
  readonly #sizeBytes: number;
  readonly #digest = createHash('sha256');
  #ops: WriteOp[] = [];
  #part: Buffer | undefined;
  #filled = 0;
  #bytes = 0;

  constructor(id: string, sizeBytes: number) {
    this.#id = id;
    this.#sizeBytes = sizeBytes;
  }

  add(chunk: Uint8Array): void {
    if (this.#bytes + chunk.length > this.#sizeBytes) throw this.#wrongLength('more');
    this.#digest.update(chunk);
    this.pendingBytes += chunk.length;
    for (let at = 0; at < chunk.length;) {
      const size = Math.min(PART_BYTES, this.#sizeBytes - this.#bytes);
      if (this.#part === undefined && chunk.length - at >= size) {
        this.#put(chunk.subarray(at, at + size));
        this.#bytes += size;
        at += size;
        continue;
      }
      this.#part ??= Buffer.allocUnsafeSlow(size);
      const end = Math.min(chunk.length, at + this.#part.length - this.#filled);
      this.#part.set(chunk.subarray(at, end), this.#filled);
      this.#filled += end - at;
      this.#bytes += end - at;
      at = end;
      if (this.#filled < this.#part.length) continue;
      this.#put(this.#part);
      this.#part = undefined;
      this.#filled = 0;
    }
  }

  /** The operations for the parts that are full. */
  takeOps(): WriteOp[] {
    const ops = this.#ops;
    this.#ops = [];
    this.pendingBytes = this.#filled;
    return ops;
  }

  end(): StoredContent {
    if (this.#bytes !== this.#sizeBytes) throw this.#wrongLength('fewer');
    return { bytes: this.#bytes, digest: this.#digest.digest('base64'), parts: this.parts };
  }

  #put(value: Uint8Array): void {
    this.#ops.push({ type: 'put', key: partKey(this.#id, this.parts), value });
    this.parts++;
  }

  #wrongLength(than: 'more' | 'fewer'): Error {
    return new Error(`content of ${this.#id} has ${than} bytes than it declared`);
  }
}
