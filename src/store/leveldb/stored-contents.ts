/**
 * Where the contents of the messages lie: small ones as parts in the database, in the batch of their
 * record, large ones in files. Nobody else knows which.
 */
import type { Content } from '../../mail/content.ts';
import type { ContentFiles } from './content-files.ts';
import { readEdited } from './content-edit.ts';
import { inParts, readParts } from './content-parts.ts';
import type { WrittenContent } from './content-parts.ts';
import type { Database } from './database.ts';
import { partKey } from './keys.ts';
import { ReadAhead } from './read-ahead.ts';
import type { StoredContent } from './record-codec.ts';

/**
 * Content beyond this goes to a file. Below, one batch with the record is faster than files to sync;
 * above, LevelDB's rewriting costs more (docs/performance.md).
 */
const FILE_BYTES = 256 * 1024;

export class StoredContents {
  readonly #parts: ReadAhead;
  readonly #files: ContentFiles;
  readonly #onDead: (bytes: number) => void;

  /** `onDead` hears of bytes of the database that were deleted. */
  constructor(
    database: Pick<Database, 'getMany'>,
    files: ContentFiles,
    onDead: (bytes: number) => void,
  ) {
    this.#parts = new ReadAhead(database);
    this.#files = files;
    this.#onDead = onDead;
  }

  /** What lies in a file is on disk when this resolves; the rest is, with the operations. */
  async write(id: string, content: Content): Promise<WrittenContent> {
    if (content.sizeBytes <= FILE_BYTES) return inParts(id, content);
    return { ops: [], stored: await this.#files.write(id, content) };
  }

  read(id: string, stored: StoredContent): AsyncIterable<Uint8Array> {
    const { parts, edit, bytes } = stored;
    const all =
      parts === undefined
        ? this.#files.read(id, stored)
        : readParts(this.#parts, id, { ...stored, parts });
    return edit === undefined ? all : readEdited(edit, bytes, all);
  }

  /** These will be read soon: the small ones are read now, together. */
  readAhead(some: readonly { readonly id: string; readonly content: StoredContent }[]): void {
    const small = some.filter(({ content }) => content.parts === 1);
    this.#parts.begin(
      small.map(({ id, content }) => ({ key: partKey(id, 0), bytes: content.bytes })),
    );
  }

  /** The same of a message of which nobody knows where its content lay. */
  removedDamaged(id: string): void {
    this.#files.remove(id);
  }

  /** The batch that would have stored the message was never begun. */
  neverWritten(id: string, { parts }: StoredContent): void {
    if (parts === undefined) this.#files.remove(id);
  }

  /** The batch that removed the message and what of it lay in the database is on disk. */
  removed(id: string, { bytes, parts }: StoredContent): void {
    if (parts === undefined) return this.#files.remove(id);
    this.#parts.forget(partKey(id, 0));
    this.#onDead(bytes);
  }
}
