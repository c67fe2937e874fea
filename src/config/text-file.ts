/**
 * Reads a file that people wrote: whole, as strict UTF-8, up to a bound. Trouble comes back as a
 * sentence, never as an exception. Long files come piece by piece, so that others get their turn.
 */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { errorText } from '../base/errors.ts';
import type { Parsed } from '../mail/address.ts';
import { formatSize } from './quantity.ts';

export async function readTextFile(file: string, maxBytes: number): Promise<Parsed<string>> {
  let bytes: Buffer;
  // What the file system has to say about a file is a problem for a person, not a surprise.
  try {
    // Looked at before it is opened: opening a pipe would wait for a writer.
    const found = await stat(file);
    if (!found.isFile()) return trouble('is not a file');
    if (found.size > maxBytes) return trouble(`is larger than ${formatSize(maxBytes)}`);
    bytes = await readFile(file);
  } catch (error) {
    return trouble(`cannot be read: ${systemText(error)}`);
  }
  try {
    return { ok: true, value: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return trouble('is not valid UTF-8');
  }
}

export interface TextPieces {
  readonly pieces: AsyncIterable<string>;
  /** Once there are no more: why they are not all of the file. */
  readonly problem: () => string | undefined;
}

const PIECE_BYTES = 32 * 1024;

export function readTextPieces(file: string, maxBytes: number): TextPieces {
  let problem: string | undefined;
  async function* pieces(): AsyncGenerator<string> {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    let size = 0;
    try {
      const found = await stat(file);
      if (!found.isFile()) problem = 'is not a file';
      else {
        const stream: AsyncIterable<Buffer> = createReadStream(file, {
          highWaterMark: PIECE_BYTES,
        });
        for await (const chunk of stream) {
          size += chunk.length;
          if (Math.max(size, found.size) > maxBytes) {
            problem = `is larger than ${formatSize(maxBytes)}`;
            return;
          }
          yield decoder.decode(chunk, { stream: true });
        }
        yield decoder.decode();
      }
    } catch (error) {
      const isDecoding = error instanceof TypeError;
      problem = isDecoding ? 'is not valid UTF-8' : `cannot be read: ${systemText(error)}`;
    }
  }
  return { pieces: pieces(), problem: () => problem };
}

const PLAIN_WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOTDIR: 'a part of its path is not a folder',
  EISDIR: 'it is a folder',
};

/** What the operating system said, in words. */
export function systemText(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return PLAIN_WORDS[code] ?? errorText(error);
}

function trouble(problem: string): { ok: false; problem: string } {
  return { ok: false, problem };
}
