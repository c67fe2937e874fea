/** What a file system has left for us: bytes, and files, of which it can have none while bytes abound. */
import { statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';

/** The store makes a file now and then when it tidies up, and ends when it cannot. */
const MIN_FREE_FILES = 200;

export interface DiskRoom {
  readonly freeBytes: number;
  /** Undefined where the file system makes room for files as it needs it. */
  readonly freeFiles: number | undefined;
}

export function hasFewFiles({ freeFiles = Infinity }: Pick<DiskRoom, 'freeFiles'>): boolean {
  return freeFiles < MIN_FREE_FILES;
}

/** What an operator can free, or a moment changes. */
const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE']);

/** A call on the file system failed for lack of room, and not because the disk does. */
export function isOutOfRoom(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NO_ROOM.has(String(error.code));
}

/** `room for 87 more files` */
export function filesText({ freeFiles = 0 }: Pick<DiskRoom, 'freeFiles'>): string {
  return `room for ${freeFiles} more files`;
}

/** Where `folder` lies; rejects when the file system does not say. */
export async function askRoom(folder: string): Promise<DiskRoom> {
  return roomOf(await statfs(folder));
}

/** A figure for people: undefined when the file system does not say. */
export function diskRoom(folder: string): DiskRoom | undefined {
  try {
    return roomOf(statfsSync(folder));
  } catch {
    return undefined;
  }
}

interface FileSystem {
  readonly bavail: number;
  readonly bsize: number;
  readonly ffree: number;
  readonly files: number;
}

function roomOf({ bavail, bsize, ffree, files }: FileSystem): DiskRoom {
  return { freeBytes: bavail * bsize, freeFiles: files === 0 ? undefined : ffree };
}
