/** Writing several pieces of memory to a file as they are, in as few calls as the system makes of it. */
import type { FileHandle } from 'node:fs/promises';

/** Writes all of the chunks, at `position` or where the file stands. Rejects as the file does. */
export async function writeAll(
  file: Pick<FileHandle, 'writev'>,
  chunks: readonly Uint8Array[],
  position?: number,
): Promise<void> {
  let left = chunks;
  let at = position;
  while (left.length > 0) {
    const { bytesWritten } = await file.writev(left, at);
    if (at !== undefined) at += bytesWritten;
    left = behind(left, bytesWritten);
  }
}

/** What is left of the chunks when so many bytes of them are written. */
function behind(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }
  return [];
}
