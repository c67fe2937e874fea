/**
 * Limits hold over crashes: 200 takers in a process that is killed again and again get at most the
 * limit together, and lose at most what was under way.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { openLevelStore } from '../../src/store/leveldb/store.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { StillClock } from './still-clock.ts';

const LIMIT = 3000;
const TAKERS = 200;

/** Grants that the child told of; it is killed once there are `killAt`. */
function run(folder: string, killAt: number): Promise<{ granted: number; killed: boolean }> {
  const args = [join(import.meta.dirname, 'counter-child.ts'), folder, String(LIMIT)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let granted = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    granted += chunk.length;
    if (granted >= killAt) child.kill('SIGKILL');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code !== 0 && signal !== 'SIGKILL') reject(new Error(`the child ended with ${code}`));
      else resolve({ granted, killed: signal === 'SIGKILL' });
    });
  });
}

test(
  '200 takers, killed again and again, get at most the limit',
  { timeout: 120_000 },
  async (t) => {
    const base = await mkdtemp(join(tmpdir(), 'sluice-counters-'));
    t.after(() => rm(base, { recursive: true }));
    const folder = join(base, 'store');
    let granted = 0;
    let kills = 0;
    for (const killAt of [1, 250, 700, Infinity]) {
      const round = await run(folder, killAt);
      granted += round.granted;
      if (round.killed) kills++;
    }
    assert.ok(kills >= 2, `${kills} kills`);
    assert.ok(granted <= LIMIT, `${granted} were granted`);
    assert.ok(granted >= LIMIT - kills * TAKERS, `only ${granted} were granted`);
    const store = await openLevelStore({
      folder,
      minFreeBytes: 0,
      clock: new StillClock(),
      log: new RecordedLog(),
      onFailure: (error) => assert.fail(error),
    });
    assert.equal((await store.counters.peek('acct:1')).day?.count, LIMIT);
    await store.close();
  },
);
