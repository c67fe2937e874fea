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
  const values = partsOf(content.chunks ?? (await readAll(content)));
  let crc = 0;
  let bytes = 0;
  const ops = values.map((value, part): WriteOp => {
    crc = crc32(value, crc);
    bytes += value.length;
    return { type: 'put', key: partKey(id, part), value };
  });
  if (bytes !== content.sizeBytes)
    throw new Error(`content of ${id} has ${bytes} bytes, it declared ${content.sizeBytes}`);
  return { ops, stored: { bytes, digest: crcText(crc), parts: values.length } };
}

/** Small chunks are joined up to the size of a part; one that fills a part by itself is not copied. */
function partsOf(chunks: readonly Uint8Array[]): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let joined: Uint8Array[] = [];
  let bytes = 0;
  const end = () => {
    const [first] = joined;
    if (first !== undefined) parts.push(joined.length === 1 ? first : Buffer.concat(joined, bytes));
    joined = [];
    bytes = 0;
  };
  for (const chunk of chunks)
    for (let at = 0; at < chunk.length; at += PART_BYTES) {
      const piece = chunk.subarray(at, at + PART_BYTES);
      if (bytes + piece.length > PART_BYTES) end();
      joined.push(piece);
      bytes += piece.length;
    }
  end();
  return parts;
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
