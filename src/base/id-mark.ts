/**
 * The high-water mark of ids in a file: whatever was given out before the process ended lies at or
 * below it, so a start never gives an id twice, wherever the clock may have jumped meanwhile. A mark
 * is replaced by rename, both synced: after a power cut it is the old or the new one, never a torn
 * one.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CodedError, errorText } from './errors.ts';
import { syncFolder } from './sync-folder.ts';

export interface IdMark {
  /** No id up to here is given again; 0 when there was never one. */
  readonly value: number;
  /** Resolves when the mark stands at `value`, durably; rejects with `STORE_FAILED`. */
  raise(value: number): Promise<void>;
}

/** Rejects with `STORE_DAMAGED` when there is a mark that cannot be read: guessing may give an id twice. */
export async function openIdMark(file: string): Promise<IdMark> {
  let value = await readMark(file);
  return {
    get value() {
      return value;
    },
    async raise(to) {
      const fresh = `${file}.new`;
      try {
        await writeSynced(fresh, `${to}\n`);
        await rename(fresh, file);
        await syncFolder(dirname(file));
      } catch (cause) {
        throw new CodedError('STORE_FAILED', `${file}: ${errorText(cause)}`, { cause });
      }
      value = to;
    },
  };
}

async function readMark(file: string): Promise<number> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return 0;
    throw new CodedError('STORE_DAMAGED', `${file}: ${errorText(cause)}`, { cause });
  }
  const value = Number(text.trim());
  if (/^\d{1,16}\n$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new CodedError(
    'STORE_DAMAGED',
    `${file} does not hold the mark of the last message id: see that the clock is right, then delete it`,
  );
}

async function writeSynced(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
