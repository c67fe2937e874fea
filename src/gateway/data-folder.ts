/** The data folder: made when missing and closed to everybody else, for mail lies in it. */
import { statfsSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { CodedError, errorText } from '../base/errors.ts';

export async function dataFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    return folder;
  } catch (cause) {
    throw new CodedError('STORE_FAILED', `data folder ${folder}: ${errorText(cause)}`, { cause });
  }
}

/** What is free for us on its disk; undefined when the file system does not say. */
export function freeBytes(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined; // a figure for people; the store looks for itself
  }
}
