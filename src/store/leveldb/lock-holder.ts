/**
 * Who has a file locked, for the sentence that tells why a store cannot be opened. Linux only, and
 * only as far as this process may see others: undefined means "somebody".
 */
import { readFile, stat } from 'node:fs/promises';

/** `1: POSIX  ADVISORY  WRITE 1234 08:01:393299 0 EOF` */
const LINE = /^\d+: \S+ +\S+ +WRITE +(\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) /;

export async function lockHolder(file: string): Promise<number | undefined> {
  try {
    return holderIn(await readFile('/proc/locks', 'utf8'), await stat(file));
  } catch {
    // No such list here, or no such file: it is only for a sentence.
    return undefined;
  }
}

/** `dev` and `ino` as `stat` gives them. */
export function holderIn(
  locks: string,
  { dev, ino }: { readonly dev: number; readonly ino: number },
): number | undefined {
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  for (const line of locks.split('\n')) {
    const [, pid, lockMajor = '', lockMinor = '', lockIno] = LINE.exec(line) ?? [];
    // Without a device of its own (major 0) a file system may show another number for each subvolume.
    const isSameDevice =
      Number.parseInt(lockMajor, 16) === major &&
      (major === 0 || Number.parseInt(lockMinor, 16) === minor);
    if (isSameDevice && Number(lockIno) === ino) return Number(pid) || undefined;
  }
  return undefined;
}
