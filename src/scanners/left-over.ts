/**
 * The pid file of a private scanner, and the end of one that a killed gateway left behind. A process
 * is ended only when its command line carries our mark, for pids are used again.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';

const END_MS = 5000;
const LOOK_MS = 50;

export function writePid(file: string, pid: number): void {
  writeFileSync(file, `${pid}\n`);
}

/** Whether there was one and it is gone now. */
export async function endLeftOver(file: string, mark: string, clock: Clock): Promise<boolean> {
  const pid = Number(readText(file));
  if (!Number.isSafeInteger(pid) || pid < 2 || !isOurs(pid, mark)) return false;
  const startedAt = clock.mono();
  process.kill(pid, 'SIGTERM');
  while (isOurs(pid, mark)) {
    if (clock.mono() - startedAt > END_MS) process.kill(pid, 'SIGKILL');
    if (clock.mono() - startedAt > 2 * END_MS) return false;
    await clock.sleep(LOOK_MS);
  }
  rmSync(file, { force: true });
  return true;
}

function isOurs(pid: number, mark: string): boolean {
  return readText(`/proc/${pid}/cmdline`).split('\0').includes(mark); // proc(5)
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return ''; // no such file, or no such process any more
  }
}
