/**
 * `scanners.managed: true`: private clamd and spamd under the data folder, for those whose configured
 * addresses nobody answers at. For trials and small machines; in production the system's own daemons
 * are configured. Starting never fails: a scanner that is missing or dies is said loudly in the log,
 * and mail meets the plugin's `on_error` meanwhile.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { CLAMD_PACKAGES, CLAMD_QUESTION, planClamd } from './clamd.ts';
import type { ScannerPlan } from './scanner-plan.ts';
import { findProgram } from './scanner-plan.ts';
import type { ScannerState } from './scanner-process.ts';
import { ScannerProcess } from './scanner-process.ts';
import type { Question } from './sign-of-life.ts';
import { answers } from './sign-of-life.ts';
import { planSpamd, SPAMD_PACKAGES, SPAMD_QUESTION } from './spamd.ts';

export interface ManagedOptions {
  readonly dataDir: string;
  /** The plugins in use, with the addresses that are configured, as written. */
  readonly wanted: {
    readonly clamav?: { readonly addresses: readonly string[] };
    readonly spamassassin?: { readonly addresses: readonly string[] };
  };
  readonly log: Log;
  readonly clock: Clock;
  /** Where real signatures are looked for. */
  readonly database?: string;
  /** Used when there are none. */
  readonly testSignatures?: string;
}

export interface ManagedStatus {
  readonly engine: 'clamd' | 'spamd';
  readonly state: ScannerState | 'external' | 'missing';
  readonly text: string;
}

export interface ManagedScanners {
  /** What the plugin's `address` must be, where we run the scanner. */
  readonly addresses: { readonly clamav?: string; readonly spamassassin?: string };
  /** Resolves when each one that was started answers, or all are stopped. */
  readonly ready: Promise<void>;
  status(): readonly ManagedStatus[];
  stop(): Promise<void>;
}

const ASK_MS = 2000;
/** A socket address holds 108 bytes with its closing NUL (unix(7)); the file's name needs some. */
const MAX_FOLDER_BYTES = 90;
/** spamd is bound by the processor; each child takes some 100 MB. */
const MAX_CHILDREN = 8;

export async function startManagedScanners(options: ManagedOptions): Promise<ManagedScanners> {
  const { wanted, log, clock } = options;
  const root = join(options.dataDir, 'scanners');
  mkdirSync(root, { recursive: true });
  const short = shortWay(root);
  const places = (name: string) => ({
    folder: join(root, name),
    shortFolder: join(short.folder, name),
  });
  const clamd = await prepare(options, wanted.clamav?.addresses, {
    engine: 'clamd',
    packages: CLAMD_PACKAGES,
    question: CLAMD_QUESTION,
    plan: (program) =>
      planClamd({
        ...places('clamd'),
        program,
        database: options.database ?? '/var/lib/clamav',
        testSignatures: options.testSignatures ?? shippedSignatures(),
      }),
  });
  const spamd = await prepare(options, wanted.spamassassin?.addresses, {
    engine: 'spamd',
    packages: SPAMD_PACKAGES,
    question: SPAMD_QUESTION,
    plan: (program) => {
      const children = Math.min(Math.max(availableParallelism(), 2), MAX_CHILDREN);
      return planSpamd({ ...places('spamd'), program, children });
    },
  });
  const running: ScannerProcess[] = [];
  for (const prepared of [clamd, spamd]) {
    if (prepared?.plan !== undefined) running.push(new ScannerProcess(prepared.plan, log, clock));
  }
  for (const scanner of running) scanner.start();
  return {
    addresses: {
      ...(clamd?.plan === undefined ? {} : { clamav: clamd.plan.socket }),
      ...(spamd?.plan === undefined ? {} : { spamassassin: spamd.plan.socket }),
    },
    ready: Promise.all(running.map((scanner) => scanner.ready)).then(() => undefined),
    status: () => [
      ...[clamd, spamd].flatMap((prepared) => prepared?.status ?? []),
      ...running.map(statusOf),
    ],
    stop: async () => {
      await Promise.all(running.map((scanner) => scanner.stop()));
      short.remove();
    },
  };
}

interface Kind {
  readonly engine: 'clamd' | 'spamd';
  readonly packages: string;
  readonly question: Question;
  readonly plan: (program: string) => ScannerPlan;
}

/** A plan when we must run it; else why we need not, or cannot. */
async function prepare(
  { log, clock }: ManagedOptions,
  addresses: readonly string[] | undefined,
  { engine, packages, question, plan }: Kind,
): Promise<{ plan?: ScannerPlan; status?: ManagedStatus } | undefined> {
  if (addresses === undefined) return undefined;
  for (const address of addresses) {
    if (await answers(address, question, ASK_MS, clock)) {
      return { status: { engine, state: 'external', text: `answers at ${address}` } };
    }
  }
  const program = findProgram(engine);
  if (program !== undefined) return { plan: plan(program) };
  const text = `${engine} is not installed; as root: apt-get install -y --no-install-recommends ${packages}`;
  log.emit('scanner.down', { engine, msg: text }, 'error');
  return { status: { engine, state: 'missing', text } };
}

function statusOf({ plan, state, lastWords }: ScannerProcess): ManagedStatus {
  if (state === 'down') return { engine: plan.engine, state, text: lastWords };
  const warning = plan.warning === undefined ? '' : `; ${plan.warning}`;
  return { engine: plan.engine, state, text: `private, at ${plan.socket}${warning}` };
}

/** The folder itself, or a short link to it where its path is too long for a socket. */
function shortWay(folder: string): { folder: string; remove: () => void } {
  if (Buffer.byteLength(folder) <= MAX_FOLDER_BYTES) return { folder, remove: () => undefined };
  const place = mkdtempSync(join(tmpdir(), 'sluice-'));
  const link = join(place, 's');
  symlinkSync(folder, link);
  return { folder: link, remove: () => rmSync(place, { recursive: true, force: true }) };
}

/** In a checkout beside `src/`; in the published package above `dist/src/`. */
function shippedSignatures(): string {
  const up = [import.meta.dirname, '..', '..'];
  const inCheckout = join(...up, 'config', 'scanners');
  return existsSync(inCheckout) ? inCheckout : join(...up, '..', 'config', 'scanners');
}
