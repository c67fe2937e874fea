/**
 * A private spamd: rules of the system, tests that need no network, no users' settings, nothing
 * learnt, so that the same message always gets the same score. Started as root it opens its socket
 * and gives up root.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ScannerPlan } from './scanner-plan.ts';
import type { Question } from './sign-of-life.ts';
import { findSystemUser, isRoot } from './system-user.ts';

export const SPAMD_QUESTION: Question = {
  request: 'PING SPAMC/1.5\r\n\r\n',
  reply: /^SPAMD\/1\.\d+ 0 PONG\r\n/,
};
export const SPAMD_PACKAGES = 'spamassassin spamd';

export interface SpamdOptions {
  readonly program: string;
  readonly folder: string;
  /** Way to the folder that is short enough for a socket address. */
  readonly shortFolder: string;
  readonly children: number;
}

export function planSpamd({ program, folder, shortFolder, children }: SpamdOptions): ScannerPlan {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const socket = join(shortFolder, 'spamd.sock');
  const user = isRoot() ? findSystemUser(['debian-spamd', 'nobody']) : undefined;
  return {
    engine: 'spamd',
    program,
    args: [
      '--local',
      '--nouser-config',
      `--max-children=${children}`,
      `--socketpath=${socket}`,
      '--syslog=stderr',
      `--helper-home-dir=${folder}`,
      '--cf=use_bayes 0',
      ...(user === undefined ? [] : [`--username=${user.name}`]),
    ],
    folder,
    socket,
    mark: `--socketpath=${socket}`,
    question: SPAMD_QUESTION,
  };
}
