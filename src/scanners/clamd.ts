/**
 * A private clamd: its configuration file, written anew at each start, and its signatures: the
 * system's database if there is one, else the bundled test set, with a loud warning. Started as root
 * it gives up root at once. Paths in the configuration are relative to its folder, for the account
 * it runs under may not be able to walk down to the data folder.
 */
import { chownSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Question } from './sign-of-life.ts';
import type { ScannerPlan } from './scanner-plan.ts';
import { findSystemUser, isRoot } from './system-user.ts';

export const CLAMD_QUESTION: Question = { request: 'zPING\0', reply: /^PONG\0/ };
export const CLAMD_PACKAGES = 'clamav-daemon';

/** What freshclam fetches; one of them makes a database. */
const DATABASE_FILE = /^(main|daily)\.(cvd|cld|cud)$/;

export interface ClamdOptions {
  readonly program: string;
  readonly folder: string;
  /** Way to the folder that is short enough for a socket address. */
  readonly shortFolder: string;
  /** Where freshclam puts the real signatures. */
  readonly database: string;
  /** The test set, used when there is no database. */
  readonly testSignatures: string;
}

export function planClamd(options: ClamdOptions): ScannerPlan {
  const { program, folder, shortFolder, testSignatures } = options;
  const hasDatabase = holdsDatabase(options.database);
  const user = isRoot() ? findSystemUser(['clamav', 'nobody']) : undefined;
  const temporary = join(folder, 'tmp');
  const signatures = join(folder, 'test-signatures');
  // What an earlier scan left behind in the middle of its work goes too.
  for (const made of [temporary, signatures]) rmSync(made, { recursive: true, force: true });
  for (const made of [folder, temporary, signatures]) {
    mkdirSync(made, { recursive: true, mode: 0o700 });
  }
  if (!hasDatabase) copySignatures(testSignatures, signatures);
  const config = join(folder, 'clamd.conf');
  const lines = [
    'LocalSocket clamd.sock',
    'LocalSocketMode 600',
    'FixStaleSocket yes',
    `DatabaseDirectory ${hasDatabase ? options.database : 'test-signatures'}`,
    'TemporaryDirectory tmp',
    'Foreground yes',
    // Nothing that Sluice takes by default is larger (limits.message_size), base64 included.
    'StreamMaxLength 100M',
    'MaxFileSize 100M',
    // Without it what is beyond a limit is called clean.
    'AlertExceedsMax yes',
    'MaxThreads 10',
    'ConcurrentDatabaseReload no',
    'ExitOnOOM yes',
    ...(user === undefined ? [] : [`User ${user.name}`]),
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  if (user !== undefined) {
    const files = readdirSync(signatures).map((file) => join(signatures, file));
    for (const path of [folder, temporary, signatures, ...files]) {
      chownSync(path, user.uid, user.gid);
    }
  }
  const warning =
    'clamd runs with TEST SIGNATURES ONLY and finds no real virus: ' +
    `no main or daily database in ${options.database}; install clamav-freshclam and start again`;
  return {
    engine: 'clamd',
    program,
    args: [`--config-file=${config}`],
    folder,
    socket: join(shortFolder, 'clamd.sock'),
    mark: `--config-file=${config}`,
    question: CLAMD_QUESTION,
    ...(hasDatabase ? {} : { warning }),
  };
}

function holdsDatabase(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((file) => DATABASE_FILE.test(file));
}

function copySignatures(from: string, to: string): void {
  for (const file of readdirSync(from)) {
    if (/\.(hdb|hsb|ndb)$/.test(file)) copyFileSync(join(from, file), join(to, file));
  }
}
