/** How a private scanner is started: all that differs between clamd and spamd, as a value. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Question } from './sign-of-life.ts';

export interface ScannerPlan {
  readonly engine: 'clamd' | 'spamd';
  readonly program: string;
  readonly args: readonly string[];
  /** Its working folder, with its socket and everything else it writes. */
  readonly folder: string;
  /** Where it listens. */
  readonly socket: string;
  /** An argument that only our process has, by which a process left over is known. */
  readonly mark: string;
  readonly question: Question;
  /** What an operator must be told loudly, such as signatures for tests only. */
  readonly warning?: string;
}

const PROGRAM_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin'];

export function findProgram(name: string): string | undefined {
  return PROGRAM_FOLDERS.map((folder) => join(folder, name)).find((file) => existsSync(file));
}
