/** What is told of the age of signatures: each change once, and nothing of what nobody knows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Present } from '../../src/alerts/conditions.ts';
import { conditionsOf } from '../../src/alerts/conditions.ts';
import { ScannerWatch } from '../../src/gateway/scanner-watch.ts';
import type { ProbeResult, Signatures } from '../../src/plugin.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const THRESHOLDS = { queueAgeMs: null, queueMessages: null, heldAgeMs: null, freeSpaceBytes: null };

function answers(age: Signatures['age']): ProbeResult {
  return { state: 'ok', text: 'ClamAV 1.4.3', signatures: { age, text: `27449 is ${age}` } };
}

test('old signatures are told of once, and once when there are new ones', async () => {
  const log = new RecordedLog();
  const clock = new FakeClock();
  const config = { scanners: { managed: false }, plugins: [] };
  const watch = new ScannerWatch({ config, folder: '', clock, log, onUp: () => undefined });
  const alerts = () => {
    const present: Present = {
      ...{ now: 0, destinations: [], waiting: 0, damaged: [], oldest: undefined },
      ...{
        oldestHeld: undefined,
        unread: undefined,
        disk: { freeBytes: 1, freeFiles: 1e6 },
        minFreeBytes: 0,
        ldap: [],
        listings: [],
      },
      ...{ lockedAccounts: [], lostRecords: [] },
      scanners: watch.views(),
    };
    return conditionsOf(present, THRESHOLDS).map(({ kind }) => kind);
  };
  const steps: readonly [ProbeResult, logged: string[], alerts: string[]][] = [
    [answers('unknown'), [], []],
    [answers('fresh'), [], []],
    [answers('old'), ['scanner.signatures_old'], ['signatures_old']],
    [answers('old'), [], ['signatures_old']],
    [{ state: 'down', text: 'refused' }, [], ['scanner_down', 'signatures_old']],
    [answers('old'), [], ['signatures_old']],
    [answers('fresh'), ['scanner.signatures_fresh'], []],
    [answers('unknown'), [], []],
    [{ state: 'ok', text: 'SPAMD/1.5 0 PONG' }, [], []],
  ];
  for (const [index, [probe, logged, alerted]] of steps.entries()) {
    log.events.length = 0;
    await watch.probe({ probes: async () => [{ ...probe, name: 'clamav' }] });
    const told = [log.events.map(({ evt }) => evt), alerts()];
    assert.deepEqual(told, [logged, alerted], `step ${index}`);
  }
});
