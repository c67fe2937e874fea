/**
 * Small content in the database: parts of bounded size that go into the batch of their record, so
 * that a message costs one write. What is larger lies in a file (content-files.ts).
 */
import { crc32 } from 'node:zlib';
import { CodedError } from '../../base/errors.ts';
import type { Content } from '../../mail/content.ts';
import type { Database, WriteOp } from './database.ts';
import { crcText, proofOf } from './content-proof.ts';
import { partKey } from './keys.ts';
import type { StoredContent } from './record-codec.ts';

/** Values beyond this make LevelDB's rewriting dear. */
const PART_BYTES = 64 * 1024;
/** Parts read back at once. */
const READ_PARTS = 4;

export interface WrittenContent {
  /** The operations that must go with the record, and make the content complete. */
  readonly ops: WriteOp[];
  readonly stored: StoredContent;
}

/** Rejects when the content cannot be read or is not of the size that it declares. */
export async function inParts(id: string, content: Content): Promise<WrittenContent> {
  const bytes = Buffer.concat(content.chunks ?? (await readAll(content)));
  if (bytes.length !== content.sizeBytes)
    throw new Error(`content of ${id} has ${bytes.length} bytes, it declared ${content.sizeBytes}`);
  const digest = crcText(crc32(bytes));
  const parts = Math.ceil(bytes.length / PART_BYTES);
  const ops = Array.from({ length: parts }, (_, part): WriteOp => {
    const value = bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES);
    return { type: 'put', key: partKey(id, part), value };
  });
  return { ops, stored: { bytes: bytes.length, digest, parts } };
}

async function readAll(content: Content): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.read()) chunks.push(chunk);
  return chunks;
}

/** The operations that delete what of a message's content lies in the database. */
export function partDeletions(id: string, { parts = 0 }: StoredContent): WriteOp[] {
  return Array.from({ length: parts }, (_, part) => ({ type: 'del', key: partKey(id, part) }));
}

/**
 * The content in parts. Length and digest are proven before the last part is handed out, so nobody
 * gets the whole of a damaged message.
 */
export async function* readParts(
  database: Pick<Database, 'getMany'>,
  id: string,
  stored: StoredContent & { readonly parts: number },
): AsyncIterable<Uint8Array> {
  const proof = proofOf(stored.digest);
  let bytes = 0;
  for (let first = 0; first < stored.parts; first += READ_PARTS) {
    const count = Math.min(READ_PARTS, stored.parts - first);
    const keys: string[] = [];
    for (let part = first; part < first + count; part++) keys.push(partKey(id, part));
    const parts = await database.getMany(keys);
    for (let index = 0; index < count; index++) {
      const part = parts[index];
      if (part === undefined) throw damaged(id, `part ${first + index} is missing`);
      proof.update(part);
      bytes += part.length;
      if (first + index === stored.parts - 1) {
        if (bytes !== stored.bytes) throw damaged(id, `${bytes} bytes of ${stored.bytes}`);
        if (!proof.holds()) throw damaged(id, 'its digest differs');
      }
      yield part;
    }
  }
}

function damaged(id: string, what: string): CodedError {
  return new CodedError('STORE_DAMAGED', `content of ${id}: ${what}`);
}
