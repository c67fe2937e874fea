/**
 * Managed scanners with the real daemons: started when nobody answers, left alone when somebody
 * does, started again when they die, gone when the gateway is.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import type { ManagedOptions } from '../../src/scanners/managed.ts';
import { startManagedScanners } from '../../src/scanners/managed.ts';
import { filterOf } from '../support/filter-host.ts';
import { FakeService } from '../support/fake-service.ts';
import { missing } from '../support/real-component.ts';
import { missingScanners } from '../support/real-scanners.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { until } from '../support/until.ts';

const EICAR = Buffer.from(
  `Subject: x\r\n\r\nX5O!P%@AP[4\\PZX54(P^)7CC)7}$${'EICAR'}-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*\r\n`,
);

function folderFor(t: TestContext, name = 'data'): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-managed-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}

async function start(t: TestContext, more: Partial<ManagedOptions> & { dataDir: string }) {
  const log = new RecordedLog();
  const scanners = await startManagedScanners({
    wanted: { clamav: { addresses: ['/nonexistent'] } },
    log,
    clock: systemClock,
    database: '/nonexistent',
    ...more,
  });
  t.after(() => scanners.stop());
  return { scanners, log };
}

function pidOf(dataDir: string, engine: string): number {
  return Number(readFileSync(join(dataDir, 'scanners', engine, 'pid'), 'utf8'));
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('managed scanners', async (t) => {
  const lacks = missingScanners();
  if (lacks !== undefined) return missing(t, lacks);

  await t.test('both start, find what the test set knows, and end with stop', async (t) => {
    const dataDir = folderFor(t);
    const wanted = { clamav: { addresses: ['/nonexistent'] }, spamassassin: { addresses: [] } };
    const { scanners, log } = await start(t, { dataDir, wanted });
    await scanners.ready;
    assert.deepEqual(
      scanners.status().map(({ engine, state }) => [engine, state]),
      [
        ['clamd', 'up'],
        ['spamd', 'up'],
      ],
    );
    const warnings = log.events.filter(({ level }) => level === 'warn');
    assert.match(String(warnings[0]?.fields.msg), /TEST SIGNATURES ONLY/);
    const filter = await filterOf('clamav', { address: scanners.addresses.clamav });
    assert.equal((await filter.judge(EICAR)).results?.['virus'], 'Eicar-Test-Signature.UNOFFICIAL');
    const pids = [pidOf(dataDir, 'clamd'), pidOf(dataDir, 'spamd')];
    assert.ok(pids.every(isAlive));
    await scanners.stop();
    assert.ok(!pids.some(isAlive));
    assert.ok(!existsSync(join(dataDir, 'scanners', 'clamd', 'pid')));
  });

  await t.test('a scanner that answers at its address is left to itself', async (t) => {
    const clamd = await FakeService.start((socket) => socket.end('PONG\0'));
    t.after(() => clamd.stop());
    const wanted = { clamav: { addresses: ['/nonexistent', clamd.address] } };
    const { scanners } = await start(t, { dataDir: folderFor(t), wanted });
    await scanners.ready;
    assert.deepEqual(scanners.addresses, {});
    assert.equal(scanners.status()[0]?.state, 'external');
  });

  await t.test('one that dies is said to be down and starts again', async (t) => {
    const dataDir = folderFor(t);
    const { scanners, log } = await start(t, { dataDir });
    await scanners.ready;
    const before = pidOf(dataDir, 'clamd');
    process.kill(before, 'SIGKILL');
    const down = await until('it is down', () => log.of('scanner.down')[0]);
    assert.match(String(down.msg), /^ended: killed by SIGKILL(?:, said: |;)/);
    await until('it is up again', () => log.of('scanner.up').length === 2);
    assert.notEqual(pidOf(dataDir, 'clamd'), before);
  });

  await t.test('one that cannot start is told with its own words', async (t) => {
    const dataDir = folderFor(t);
    const testSignatures = folderFor(t, 'empty');
    mkdirSync(testSignatures);
    const { scanners, log } = await start(t, { dataDir, testSignatures });
    const down = await until('it is down', () => log.of('scanner.down')[0]);
    assert.match(String(down.msg), /database|LibClamAV/i);
    await scanners.stop();
    await scanners.ready;
  });

  await t.test('one left over by a killed gateway is ended, others are not', async (t) => {
    const dataDir = folderFor(t);
    const first = await start(t, { dataDir });
    await first.scanners.ready;
    const leftOver = pidOf(dataDir, 'clamd');
    const second = await start(t, { dataDir });
    await second.scanners.ready;
    assert.ok(!isAlive(leftOver));
    await second.scanners.stop();
    await first.scanners.stop();

    const stranger = spawn('sleep', ['60']);
    t.after(() => stranger.kill());
    writeFileSync(join(dataDir, 'scanners', 'clamd', 'pid'), `${stranger.pid}\n`);
    const third = await start(t, { dataDir });
    await third.scanners.ready;
    assert.ok(isAlive(stranger.pid ?? 0));
  });

  await t.test('a data folder too deep for a socket address does', async (t) => {
    const { scanners } = await start(t, { dataDir: folderFor(t, 'deep/'.repeat(40)) });
    await scanners.ready;
    const filter = await filterOf('clamav', { address: scanners.addresses.clamav });
    assert.equal((await filter.judge(EICAR)).kind, 'refuse');
  });

  await t.test('stop during the start is heard', async (t) => {
    const dataDir = folderFor(t);
    const wanted = { spamassassin: { addresses: [] } };
    const { scanners } = await start(t, { dataDir, wanted });
    const pid = await until('it has a pid', () => {
      return existsSync(join(dataDir, 'scanners', 'spamd', 'pid')) && pidOf(dataDir, 'spamd');
    });
    await scanners.stop();
    assert.ok(!isAlive(pid));
  });
});
