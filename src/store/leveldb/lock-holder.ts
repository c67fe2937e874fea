/**
 * Who has a file locked, for the sentence that tells why a store cannot be opened. Linux only, and
 * only as far as this process may see others: undefined means "somebody".
 */
import { readFile, stat } from 'node:fs/promises';

/** `1: POSIX  ADVISORY  WRITE 1234 08:01:393299 0 EOF` */
const LINE = /^\d+: \S+ +\S+ +WRITE +(\d+) +[0-9a-f]+:[0-9a-f]+:(\d+) /;

export async function lockHolder(file: string): Promise<number | undefined> {
  try {
    const { ino } = await stat(file);
    for (const line of (await readFile('/proc/locks', 'utf8')).split('\n')) {
      const match = LINE.exec(line);
      if (match !== null && Number(match[2]) === ino) return Number(match[1]) || undefined;
    }
  } catch {
    // No such list here, or no such file: it is only for a sentence.
  }
  return undefined;
}
