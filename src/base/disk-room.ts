/** What a file system has left for us: bytes, and files, of which it can have none while bytes abound. */
import { statfs } from 'node:fs/promises';
import type { Clock } from './clock.ts';
import { withDeadline } from './deadline.ts';

/** Nobody who looks waits longer for a disk that stands still. */
const LOOK_MS = 2000;
/** The store makes a file now and then when it tidies up, and ends when it cannot. */
const MIN_FREE_FILES = 200;
/** With less a small write fails, and the store with it. */
export const MIN_FREE_BYTES = 1024 * 1024;

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

/** LevelDB hands on what the system calls it. */
const NO_ROOM_TEXT = /No space left on device|Disk quota exceeded/;

/** A call on the file system failed for lack of room, and not because the disk does. */
export function isOutOfRoom(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && NO_ROOM.has(String(error.code))) || NO_ROOM_TEXT.test(error.message);
}

/** `room for 87 more files` */
export function filesText({ freeFiles = 0 }: Pick<DiskRoom, 'freeFiles'>): string {
  return `room for ${freeFiles} more files`;
}

/** Where `folder` lies; rejects when the file system does not say. */
export async function askRoom(folder: string): Promise<DiskRoom> {
  return roomOf(await statfs(folder));
}

/**
 * The room where a folder lies, for all who ask. A disk that stands still keeps one question: each
 * more would hold one of the few threads that all work on files shares.
 */
export class FolderRoom {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #ask: typeof askRoom;
  #asked: Promise<DiskRoom> | undefined;

  /** `ask`: a seam for tests. */
  constructor(folder: string, clock: Clock, ask = askRoom) {
    this.#folder = folder;
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Rejects when the file system does not say, or not in time. */
  within(ms: number): Promise<DiskRoom> {
    this.#asked ??= this.#ask(this.#folder).finally(() => (this.#asked = undefined));
    const asked = this.#asked;
    return withDeadline(this.#clock, ms, 'free disk space', () => asked);
  }

  /** For people: undefined when the file system does not say. */
  look(): Promise<DiskRoom | undefined> {
    return this.within(LOOK_MS).catch(() => undefined);
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
