/** Real clamd and spamd for tests, run by the gateway's own means in a folder of their own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { findProgram } from '../../src/scanners/scanner-plan.ts';
import { startManagedScanners } from '../../src/scanners/managed.ts';
import { RecordedLog } from './recorded-log.ts';

/** What is not installed of the two, for `missing` of real-component.ts. */
export function missingScanners(): string | undefined {
  const lacks = ['clamd', 'spamd'].filter((name) => findProgram(name) === undefined);
  return lacks.length === 0 ? undefined : lacks.join(' and ');
}

export interface RealScanners {
  readonly clamav: string;
  readonly spamassassin: string;
  stop(): Promise<void>;
  /** Ends them; what they are asked meanwhile nobody answers. */
  pause(): Promise<void>;
  /** Starts them again where they were. */
  resume(): Promise<void>;
}

/** `testSignatures`: a folder of them; by default the ones that are shipped. */
export async function startRealScanners(testSignatures?: string): Promise<RealScanners> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-scanners-'));
  const options = {
    dataDir,
    wanted: { clamav: { addresses: [] }, spamassassin: { addresses: [] } },
    log: new RecordedLog(),
    clock: systemClock,
    database: join(dataDir, 'no-database'),
    ...(testSignatures === undefined ? {} : { testSignatures }),
  };
  let scanners = await startManagedScanners(options);
  await scanners.ready;
  const { clamav, spamassassin } = scanners.addresses;
  if (clamav === undefined || spamassassin === undefined) throw new Error('no scanner was started');
  return {
    clamav,
    spamassassin,
    pause: () => scanners.stop(),
    resume: async () => {
      scanners = await startManagedScanners(options);
      await scanners.ready;
    },
    stop: async () => {
      await scanners.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
